/** The Date field (RFC 9110 §6.6.1), made once a second. */

let second = -1;
let text = '';

/** Formats a time in ms since 1970 as an IMF-fixdate (RFC 9110 §5.6.7); the text of the last second is cached. */
export function httpDate(nowMs = Date.now()): string {
  const now = Math.floor(nowMs / 1000);
  if (now !== second) {
    second = now;
    text = new Date(nowMs).toUTCString();
  }
  return text;
}

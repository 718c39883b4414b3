/** Faults in the log: each with its stack, and no more of them than somebody could read. */
import type { Clock } from '../base/clock.ts';
import type { FaultPlace } from '../base/faults.ts';
import type { Log } from '../base/log.ts';

/** Lines in a period; a client that has found a fault may repeat it ten thousand times a second. */
const maxLines = 10;
const periodMs = 60_000;
/** Of a stack, in characters: messages may hold what a peer has sent. */
const maxChars = 4000;

/**
 * Creates a function that logs internal faults with their stack, at most 10 a minute; the next line says how
 * many were suppressed.
 */
export function faultLog(log: Log, clock: Clock): (where: FaultPlace, reason: unknown) => void {
  let sinceMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let suppressed = 0;
  return (where, reason) => {
    const nowMs = clock();
    if (nowMs - sinceMs >= periodMs) {
      sinceMs = nowMs;
      lines = 0;
    }
    if (lines >= maxLines) {
      suppressed++;
      return;
    }
    lines++;
    const fields = { where, ...(suppressed === 0 ? {} : { suppressed }), stack: stackOf(reason) };
    suppressed = 0;
    log.error(fields, 'a fault of the gateway: please report it');
  };
}

function stackOf(reason: unknown): string {
  const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  return text.length > maxChars ? `${text.slice(0, maxChars)}...` : text;
}

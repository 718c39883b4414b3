/** Numbers as people read them. */

/** Three significant digits: "0.42", "12.3", "1,234". */
export function number(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1);
  return size >= 100
    ? value.toLocaleString('en', { maximumFractionDigits: 0 })
    : value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** Formats ms as µs, ms or s; "–" when there is no value. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms === 0) return '0';
  if (ms < 0.995) return `${number(ms * 1000)} µs`;
  if (ms < 995) return `${number(ms)} ms`;
  return `${number(ms / 1000)} s`;
}

export const percent = (share: number): string => `${number(share * 100)} %`;

/** Formats a number of bytes as B, KiB or MiB. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 2 ** 20 ? `${number(count / 1024)} KiB` : `${number(count / 2 ** 20)} MiB`;
}

/** "3 days", "2 h 5 min", "42 s" */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

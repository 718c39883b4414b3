/** What h2load prints and logs about the answers that it got. */

/**
 * That all requests were answered, by what h2load prints.
 * @throws Error that says how many were not, or that answers were too short to be what was asked for
 */
export function checkAnswers(output: string, requests: number, minBytes: number): void {
  const ok = Number(/(\d+) 2xx/.exec(output)?.[1] ?? 0);
  const failed = Number(/(\d+) failed/.exec(output)?.[1] ?? requests);
  if (ok !== requests || failed !== 0)
    throw new Error(`${ok} of ${requests} requests were answered with 2xx, and ${failed} failed`);
  const bytes = Number(/\((\d+)\) data/.exec(output)?.[1] ?? 0);
  if (bytes < requests * minBytes)
    throw new Error(`${requests} answers have ${bytes} bytes of body, fewer than ${minBytes} each: errors`);
}

/** µs until the end of each response, from h2load's --log-file: start, status, duration, in tabs. */
export const durationsUs = (log: string): number[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]));

/** The value that `share` of all are at or below (nearest rank). @throws RangeError for none */
export function quantile(values: readonly number[], share: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)];
  if (value === undefined) throw new RangeError('no values have no quantiles');
  return value;
}

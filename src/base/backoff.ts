/**
 * Waits between attempts: they grow with each failure and have jitter, so that many who began together do not stay in
 * step.
 */

/** A wait of `ms`, plus or minus a fifth. @param random 0 to 1 */
export function jittered(ms: number, random: () => number): number {
  return ms * (0.8 + 0.4 * random());
}

/**
 * The wait before the attempt after so many failures: exponential backoff with jitter.
 * @param failures before this one; 0 gives firstMs
 * @returns ms, at most maxMs and a fifth
 */
export function backoffMs(firstMs: number, maxMs: number, failures: number, random: () => number): number {
  return jittered(Math.min(maxMs, firstMs * 2 ** failures), random);
}

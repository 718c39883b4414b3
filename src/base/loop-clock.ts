/** The clock of calls: one look at the operating system's for everything that happens in one turn of the event loop. */
import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/**
 * A clock that stands still until the turn ends.
 * hot: 0020
 * @param later calls back when it does, before the process waits for input again
 */
export function createTurnClock(now: Clock, later: (callback: () => void) => void): Clock {
  let nowMs = 0;
  let fresh = false;
  const expire = (): void => {
    fresh = false;
  };
  return () => {
    if (!fresh) {
      fresh = true;
      nowMs = now();
      later(expire);
    }
    return nowMs;
  };
}

/**
 * Milliseconds on the monotonic clock. A call is timed some twenty times on its way (deadline, budgets, latencies,
 * metrics), which was a twentieth of what a small one cost. Turns are short, since large bodies are worked on in
 * slices; libuv's timers and Envoy's approximate time go by such a clock, too.
 */
export const monotonic: Clock = createTurnClock(() => performance.now(), setImmediate);

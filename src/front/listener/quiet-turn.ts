/** The moment in which this process has seen all that the kernel has taken for it. */
import { performance } from 'node:perf_hooks';

/** A turn that is this short had next to nothing to do, in ms. */
const shortMs = 0.2;

/** A process that never rests has looked often enough after as many turns. */
const maxTurns = 50;

/**
 * Resolves right behind a look at all sockets, at best one that took no time: whoever then closes a listening socket
 * resets no connection that waits to be accepted, and whoever ends an idle connection has read what came over it.
 * Nothing can be done about what comes in the microseconds between that look and the close: Linux resets it.
 */
export async function quietTurn(): Promise<void> {
  let beganMs = -Infinity;
  for (let turn = 0; turn < maxTurns; turn++) {
    // these run behind the look
    await new Promise(setImmediate);
    const nowMs = performance.now();
    if (nowMs - beganMs < shortMs) return;
    beganMs = nowMs;
  }
}

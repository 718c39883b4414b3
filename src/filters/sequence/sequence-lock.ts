/** One call at a time for each sequence, in the order of their arrival. */
import { Code, StatusError } from '../../base/status.ts';
import type { Cancellation } from '../../call/index.ts';

interface Line {
  /** Those that wait, the first to come first. */
  readonly waiting: (() => void)[];
}

/** FIFO lock by sequence key: take() resolves with the function that releases it. */
export class SequenceLock {
  /** Sequences with a call under way. */
  readonly #lines = new Map<string, Line>();

  /**
   * Resolves when it is this call's turn, with what ends the turn.
   * @param maxWaiting calls of this sequence that may wait for theirs
   * @throws StatusError RESOURCE_EXHAUSTED when too many wait already, or the reason of the cancellation
   */
  take(key: string, maxWaiting: number, cancellation: Cancellation): Promise<() => void> {
    if (cancellation.reason !== undefined) return Promise.reject(cancellation.reason);
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, { waiting: [] });
      return Promise.resolve(this.#once(key));
    }
    if (line.waiting.length >= maxWaiting) {
      return Promise.reject(
        new StatusError(
          Code.RESOURCE_EXHAUSTED,
          `${maxWaiting} calls of this sequence wait for their turn already`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        stop();
        resolve(this.#once(key));
      };
      line.waiting.push(turn);
      const stop = cancellation.onCancel((reason) => {
        line.waiting.splice(line.waiting.indexOf(turn), 1);
        reject(reason);
      });
    });
  }

  /** Ends a turn, once however often it is called. */
  #once(key: string): () => void {
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const line = this.#lines.get(key);
      const next = line?.waiting.shift();
      if (next === undefined) this.#lines.delete(key);
      else next();
    };
  }
}

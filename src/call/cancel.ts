/** Cancellation of a call, cheaper than an AbortSignal: one flag and a few listeners. */
import { Code, StatusError } from '../base/status.ts';

/** Who wants to know; an object, since most who listen are one already and a function for each would be garbage. */
export interface CancelListener {
  onCancelled(reason: StatusError): void;
}

/**
 * Cancellation state of one call. The first `cancel()` sets `reason` and notifies each listener once; a listener that
 * is added later is notified at once.
 */
export class Cancellation {
  #reason: StatusError | undefined;
  /** Most calls have one or two listeners at a time. */
  #first: CancelListener | undefined;
  #others: CancelListener[] | undefined;

  get reason(): StatusError | undefined {
    return this.#reason;
  }

  /** Cancels once; later calls do nothing. */
  cancel(reason: StatusError = new StatusError(Code.CANCELLED, 'the client cancelled the call')): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const first = this.#first;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    first?.onCancelled(reason);
    if (others !== undefined) for (const listener of others) listener.onCancelled(reason);
  }

  /** Listens for the cancellation; told at once if it has happened. */
  listen(listener: CancelListener): void {
    if (this.#reason !== undefined) listener.onCancelled(this.#reason);
    else if (this.#first === undefined) this.#first = listener;
    else (this.#others ??= []).push(listener);
  }

  unlisten(listener: CancelListener): void {
    if (this.#first === listener) {
      this.#first = undefined;
      return;
    }
    const others = this.#others;
    if (others === undefined) return;
    if (others.at(-1) === listener) others.pop();
    else {
      const at = others.indexOf(listener);
      if (at !== -1) others.splice(at, 1);
    }
  }

  /** Waiting ends with what is awaited, or with the call. @throws StatusError */
  until<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.onCancel(reject);
      promise.then(
        (value) => {
          stop();
          resolve(value);
        },
        (reason: unknown) => {
          stop();
          reject(StatusError.from(reason));
        },
      );
    });
  }

  /** Listens with a function; gives what stops listening. */
  onCancel(onCancelled: (reason: StatusError) => void): () => void {
    const listener = { onCancelled };
    this.listen(listener);
    return () => {
      this.unlisten(listener);
    };
  }
}

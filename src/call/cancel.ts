/** Cancellation of a call, cheaper than an AbortSignal: one flag and a list of listeners. */
import { Code, StatusError } from './status.ts';

export class Cancellation {
  #reason: StatusError | undefined;
  #listeners: Set<(reason: StatusError) => void> | undefined;

  get reason(): StatusError | undefined {
    return this.#reason;
  }

  /** Cancels once; later calls do nothing. */
  cancel(reason: StatusError = new StatusError(Code.CANCELLED, 'the client cancelled the call')): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) listener(reason);
  }

  /** Listens for the cancellation (called at once if it has happened); returns what stops listening. */
  onCancel(listener: (reason: StatusError) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => undefined;
    }
    (this.#listeners ??= new Set()).add(listener);
    return () => this.#listeners?.delete(listener);
  }
}

/** Cancellation of a call, cheaper than an AbortSignal: one flag and a list of listeners. */
import { Code, StatusError } from './status.ts';

type Listener = (reason: StatusError) => void;

export class Cancellation {
  #reason: StatusError | undefined;
  #listeners: Listener[] | undefined;

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
  onCancel(listener: Listener): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return ignore;
    }
    // a call has three or four listeners at most
    (this.#listeners ??= []).push(listener);
    return () => {
      const listeners = this.#listeners;
      const at = listeners?.indexOf(listener) ?? -1;
      if (at !== -1) listeners?.splice(at, 1);
    };
  }
}

const ignore = (): void => undefined;

/**
 * What reloads have come to, of all workers as one: when the configuration in force was taken, and why a newer one
 * was refused.
 */

/** The same for whoever asks, whichever worker is asked. */
export interface ReloadStatus {
  /** When the configuration in force was taken, by the start or by a reload; in ms since 1970. */
  readonly acceptedAt: number;
  /** The newest refusal; undefined when none has come since every worker took what is in force. */
  readonly refused?: Refusal | undefined;
}

export interface Refusal {
  /** In ms since 1970. */
  readonly at: number;
  /** Every mistake, a line each. */
  readonly message: string;
}

/**
 * Workers see a change of a file, and get a signal, within so long of each other, on a machine without time too: one
 * refusal, in ms.
 */
const sameAttemptMs = 30_000;
/** Of a message, in characters: it is shown wherever the gateway says how it is. */
const maxMessageChars = 16_384;

/**
 * Combines the results of reloads in all workers: the newest acceptance, and the newest refusal that still
 * holds for one of them.
 */
export class ReloadOutcomes {
  #acceptedAt: number;
  /** Of the workers whose last reload was refused. */
  readonly #refusals = new Map<number, Refusal>();

  /** @param startedAt a start is a reload that worked; in ms since 1970 */
  constructor(startedAt: number) {
    this.#acceptedAt = startedAt;
  }

  /** @param at in ms since 1970 */
  accepted(worker: number, at: number): void {
    this.#acceptedAt = Math.max(this.#acceptedAt, at);
    this.#refusals.delete(worker);
  }

  /** @param at in ms since 1970 */
  refused(worker: number, at: number, message: string): void {
    const cut = message.length > maxMessageChars ? `${message.slice(0, maxMessageChars)}...` : message;
    const same = [...this.#refusals.values()].find(
      (other) => other.message === cut && Math.abs(at - other.at) <= sameAttemptMs,
    );
    this.#refusals.set(worker, same ?? { at, message: cut });
  }

  /** What takes its place begins with what is in force, and looks itself. @returns whether that changes anything */
  ended(worker: number): boolean {
    return this.#refusals.delete(worker);
  }

  get status(): ReloadStatus {
    let refused: Refusal | undefined;
    for (const each of this.#refusals.values())
      if (refused === undefined || each.at > refused.at) refused = each;
    return refused === undefined
      ? { acceptedAt: this.#acceptedAt }
      : { acceptedAt: this.#acceptedAt, refused };
  }
}

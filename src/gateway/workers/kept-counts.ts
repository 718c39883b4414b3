/**
 * Counts of workers, kept by the first process: what a worker that has ended has counted still belongs to the sums,
 * which would go back without it, and whoever watches them would take what is left for new.
 */

/** What the first process knows of what its workers have counted, as texts of metrics. */
export interface Kept {
  /** Of all workers that have ended; empty while none has. */
  readonly ended: string;
  /** What each that runs has told last, by its id: it may be too busy to answer. */
  readonly last: readonly (readonly [worker: number, counts: string])[];
}

/** Keeps the last reported metrics of each worker, and the sum of those of workers that have exited. */
export class KeptCounts {
  readonly #merge: (texts: readonly string[]) => string;
  readonly #last = new Map<number, string>();
  #ended = '';

  /** @param merge adds texts of metrics up */
  constructor(merge: (texts: readonly string[]) => string) {
    this.#merge = merge;
  }

  keep(worker: number, counts: string): void {
    this.#last.set(worker, counts);
  }

  ended(worker: number): void {
    const counts = this.#last.get(worker);
    if (counts === undefined) return;
    this.#last.delete(worker);
    this.#ended = this.#merge([this.#ended, counts]);
  }

  get kept(): Kept {
    return { ended: this.#ended, last: [...this.#last] };
  }
}

/** What one worker answers. */
export interface Counted {
  readonly worker: number;
  readonly body: string;
}

/**
 * All texts that belong to the sums, each once.
 * @param own of whoever asks
 * @param answers of the others, which were asked after the first process was
 */
export function textsOf(
  own: Counted,
  answers: readonly Counted[],
  kept: Kept | undefined,
): readonly string[] {
  const heard = new Set([own, ...answers].map(({ worker }) => worker));
  const silent = (kept?.last ?? []).filter(([worker]) => !heard.has(worker)).map(([, counts]) => counts);
  return [own.body, ...answers.map(({ body }) => body), ...silent, kept?.ended ?? ''];
}

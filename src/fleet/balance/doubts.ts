/**
 * Failures that a backend tells itself, before anybody knows whose they are: the request's, or its own. When they are
 * many, it is worth while to ask another backend the same.
 */
import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { Tally, type TallyOptions } from './tally.ts';

/**
 * Questions at once for one model at one backend, and a second: what a client with nothing but bad requests can cost.
 */
const burst = 10;
const perSecond = 2;

/** One model at one backend. */
class Doubt extends Tally {
  readonly questions: TokenBucket;

  constructor(clock: Clock) {
    super();
    this.questions = new TokenBucket(burst, perSecond, clock);
  }
}

/**
 * Tallies, per model and backend, of calls that a backend answered with success or with a failure status, and a token
 * bucket (10 tokens, 2 per second) for the second opinions that failures may cost.
 */
export class Doubts {
  readonly #options: () => TallyOptions;
  readonly #clock: Clock;
  /** By model, then by backend. */
  readonly #doubts = new Map<string, Map<string, Doubt>>();

  /** @param options failures from which on it is worth while */
  constructor(options: () => TallyOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** A call was answered, well or with a failure. */
  count(backend: string, model: string, failed: boolean): void {
    let doubt = this.#of(backend, model);
    if (doubt === undefined) {
      if (!failed) return;
      doubt = new Doubt(this.#clock);
      const ofModel = this.#doubts.get(model) ?? new Map<string, Doubt>();
      this.#doubts.set(model, ofModel.set(backend, doubt));
    }
    doubt.count(failed, this.#clock());
  }

  /** Takes the right to one question; false when there is no reason for it, or there were too many in vain. */
  take(backend: string, model: string): boolean {
    const doubt = this.#of(backend, model);
    return doubt?.exceeds(this.#options(), this.#clock()) === true && doubt.questions.take();
  }

  /** The question was worth it. */
  giveBack(backend: string, model: string): void {
    this.#of(backend, model)?.questions.give(1);
  }

  forget(backend: string, model: string): void {
    this.#doubts.get(model)?.delete(backend);
  }

  forgetBackend(backend: string): void {
    for (const ofModel of this.#doubts.values()) ofModel.delete(backend);
  }

  forgetModel(model: string): void {
    this.#doubts.delete(model);
  }

  #of(backend: string, model: string): Doubt | undefined {
    return this.#doubts.size === 0 ? undefined : this.#doubts.get(model)?.get(backend);
  }
}

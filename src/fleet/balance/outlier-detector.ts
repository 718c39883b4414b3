/** Leaves a model at a backend, or a whole backend, out of the choice for a while when it keeps failing. */
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';
import { Code, codeName, type Disposition } from '../../base/status.ts';
import type { EjectionOptions } from '../options.ts';
import { Tally } from './tally.ts';

/** How one call ended at a backend. */
export interface Outcome {
  /** A gRPC code. */
  readonly code: number;
  /** No status came: the connection or the stream broke. */
  readonly transport: boolean;
  /** `not-started`: no connection, a refused stream. Health sees to that. */
  readonly disposition: Disposition | undefined;
  /** What was lost with it: all calls of one connection that broke have the same. */
  readonly lostConnection?: object | undefined;
}

/** "ok" and "failed" count; "neither" says nothing about the backend. */
export type Verdict = 'ok' | 'failed' | 'neither';

const failures: ReadonlySet<number> = new Set([
  Code.UNAVAILABLE,
  Code.INTERNAL,
  Code.UNKNOWN,
  Code.DATA_LOSS,
]);

/**
 * Client errors, missing models, overload, deadlines and cancellation count as neither success nor failure: they do
 * not end a row of failures.
 */
export function verdictOn({ code, disposition }: Outcome): Verdict {
  if (code === Code.OK) return 'ok';
  return disposition !== 'not-started' && failures.has(code) ? 'failed' : 'neither';
}

/** What is held against one thing. */
class Charges extends Tally {
  /** How often it was ejected lately. */
  times = 0;
  untilMs = 0;
  /** Why, when it is ejected. */
  reason = '';
  /** Rings when it is over. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * States of a model at a backend, or of the backend as a whole (docs/states.md). `readmitted`: an ejection has lasted
 * its time, and is remembered, so that the next one is longer.
 */
export type OutlierState = 'counted' | 'ejected' | 'readmitted';

/** The key of a backend as a whole: no model has this name. */
const wholeHost = '';

export interface Ejection {
  /** The model; empty for the backend as a whole. */
  readonly model: string;
  readonly forMs: number;
}

/** A model at a backend that is out of the choice. */
export interface Ejected {
  /** How much longer, in ms. */
  readonly forMs: number;
  readonly reason: string;
}

/**
 * Passive outlier detection after Envoy: ejects a model at a backend, or the whole backend for transport failures,
 * after too many consecutive failures or too high a failure share. An ejection lasts `baseMs` times the number of
 * recent ejections, at most `maxMs`; `maxPercent` bounds the share of backends that are ejected at once, but one of
 * several may always be.
 */
export class OutlierDetector {
  readonly #options: () => EjectionOptions;
  readonly #clock: Clock;
  readonly #onReadmitted: (backend: string, model: string) => void;
  /** By model, then by backend. */
  readonly #tallies = new Map<string, Map<string, Charges>>();
  /** Connections that broke and have been counted, by model. */
  readonly #lost = new WeakMap<object, Set<string>>();

  /**
   * @param onReadmitted an ejection has lasted its time; of the backend as a whole when the model is empty. Not told
   *   of one that was cleared or forgotten before.
   */
  constructor(
    options: () => EjectionOptions,
    clock: Clock,
    onReadmitted: (backend: string, model: string) => void = () => undefined,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#onReadmitted = onReadmitted;
  }

  /** The model is left out there, by itself or with the backend as a whole. */
  isEjected(backend: string, model: string): boolean {
    const now = this.#clock();
    return this.#until(backend, model) > now || this.#until(backend, wholeHost) > now;
  }

  /** Of the model by itself; of the backend as a whole when the model is empty. */
  state(backend: string, model: string): OutlierState {
    const charges = this.#tallies.get(model)?.get(backend);
    if (charges === undefined || charges.times === 0) return 'counted';
    return charges.untilMs > this.#clock() ? 'ejected' : 'readmitted';
  }

  /** Why a model is out of the choice at a backend, and how much longer; undefined when it is not. */
  ejected(backend: string, model: string): Ejected | undefined {
    const now = this.#clock();
    for (const scope of [model, wholeHost]) {
      const tally = this.#tallies.get(scope)?.get(backend);
      if (tally !== undefined && tally.untilMs > now)
        return { forMs: tally.untilMs - now, reason: tally.reason };
    }
    return undefined;
  }

  /**
   * Counts an outcome.
   * @param of how many backends have the model
   * @returns what is ejected from now on, when this outcome was one too many
   */
  record(backend: string, model: string, outcome: Outcome, of: number): Ejection | undefined {
    const verdict = verdictOn(outcome);
    if (verdict === 'neither') return undefined;
    const failed = verdict === 'failed';
    if (failed && outcome.lostConnection !== undefined && !this.#isNews(outcome.lostConnection, model))
      return undefined;
    // a call of no model tells of the backend alone
    const forMs = model === wholeHost ? undefined : this.#count(backend, model, failed, of, outcome.code);
    // a status, whatever it is, shows that the backend as a whole is there
    const hostForMs = this.#count(backend, wholeHost, failed && outcome.transport, of, outcome.code);
    if (hostForMs !== undefined) return { model: wholeHost, forMs: hostForMs };
    return forMs === undefined ? undefined : { model, forMs };
  }

  /** A model that was loaded anew starts with a clean record. */
  clear(backend: string, model: string): void {
    this.#drop(this.#tallies.get(model), backend);
  }

  /** A backend left the fleet. */
  forgetBackend(backend: string): void {
    for (const ofModel of this.#tallies.values()) this.#drop(ofModel, backend);
  }

  forgetModel(model: string): void {
    for (const { timer } of this.#tallies.get(model)?.values() ?? []) clearTimeout(timer);
    this.#tallies.delete(model);
  }

  #drop(ofModel: Map<string, Charges> | undefined, backend: string): void {
    clearTimeout(ofModel?.get(backend)?.timer);
    ofModel?.delete(backend);
  }

  /** A connection that breaks is one event, however many calls were on it: they are no failures in a row. */
  #isNews(lost: object, model: string): boolean {
    let models = this.#lost.get(lost);
    if (models === undefined) this.#lost.set(lost, (models = new Set()));
    if (models.has(model)) return false;
    models.add(model);
    return true;
  }

  #until(backend: string, model: string): number {
    return this.#tallies.get(model)?.get(backend)?.untilMs ?? 0;
  }

  #count(backend: string, model: string, failed: boolean, of: number, code: number): number | undefined {
    const now = this.#clock();
    const options = this.#options();
    const known = this.#tallies.get(model)?.get(backend);
    if (known === undefined && !failed) return undefined;
    const tally = known ?? this.#add(backend, model);
    tally.count(failed, now);
    // well again for as long as it was out: the next time starts small again
    if (!failed && tally.times > 0 && now > tally.untilMs + options.baseMs * tally.times) tally.times = 0;
    if (!failed || tally.untilMs > now || !tally.exceeds(options, now)) return undefined;
    const allowed = of <= 1 ? 0 : Math.max(1, Math.floor((of * options.maxPercent) / 100));
    if (this.#ejected(model, now) >= allowed) return undefined;
    tally.reason =
      tally.consecutive >= options.consecutiveErrors && options.consecutiveErrors > 0
        ? `${tally.consecutive} failures in a row, the last ${codeName(code)}`
        : `more than ${options.failurePercent} % of its calls failed, the last with ${codeName(code)}`;
    tally.forget();
    tally.times++;
    const forMs = Math.min(options.maxMs, options.baseMs * tally.times);
    tally.untilMs = now + forMs;
    const over = guarded('backend', () => {
      this.#onReadmitted(backend, model);
    });
    // the one before may have ended just now
    clearTimeout(tally.timer);
    tally.timer = setTimeout(over, forMs + 1).unref();
    return forMs;
  }

  #ejected(model: string, now: number): number {
    let count = 0;
    for (const { untilMs } of this.#tallies.get(model)?.values() ?? []) if (untilMs > now) count++;
    return count;
  }

  #add(backend: string, model: string): Charges {
    const tally = new Charges();
    const ofModel = this.#tallies.get(model) ?? new Map<string, Charges>();
    this.#tallies.set(model, ofModel.set(backend, tally));
    return tally;
  }
}

/**
 * Leaves out ejected backends, unless too few are left: then the trouble is elsewhere, and spreading it over all is
 * better than heaping it on a few (Envoy's panic threshold).
 */
export function withoutEjected<T>(
  able: readonly T[],
  isEjected: (backend: T) => boolean,
  panicPercent: number,
): readonly T[] {
  const sound = able.filter((backend) => !isEjected(backend));
  return sound.length > 0 && sound.length * 100 >= able.length * panicPercent ? sound : able;
}

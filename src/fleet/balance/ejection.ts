/** Takes a model at a backend out of the choice for a while when it keeps failing there; one count for each pair. */
import { type Clock, Code, codeName } from '../../call/index.ts';
import type { EjectionOptions } from '../options.ts';

/** Codes that speak against a backend, and not against the request or the client's deadline. */
const failures: ReadonlySet<number> = new Set([
  Code.UNAVAILABLE,
  Code.INTERNAL,
  Code.UNKNOWN,
  Code.DATA_LOSS,
]);

interface Record {
  consecutive: number;
  /** How often it was ejected lately. */
  times: number;
  untilMs: number;
  /** The last failure. */
  code: number;
}

/** A pair that is out of the choice. */
export interface Ejected {
  /** How much longer, in ms. */
  readonly forMs: number;
  readonly reason: string;
}

export class Ejection {
  readonly #options: EjectionOptions;
  readonly #clock: Clock;
  readonly #records = new Map<string, Map<string, Record>>();

  constructor(options: EjectionOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  isEjected(backend: string, model: string): boolean {
    const record = this.#records.get(model)?.get(backend);
    return record !== undefined && record.untilMs > this.#clock();
  }

  /** Why a pair is out of the choice, and how much longer; undefined when it is not. */
  ejected(backend: string, model: string): Ejected | undefined {
    const record = this.#records.get(model)?.get(backend);
    if (record === undefined) return undefined;
    const forMs = record.untilMs - this.#clock();
    if (forMs <= 0) return undefined;
    const { consecutiveErrors } = this.#options;
    return { forMs, reason: `${consecutiveErrors} failures in a row, the last ${codeName(record.code)}` };
  }

  /**
   * Counts an outcome.
   * @param of how many backends have the model
   * @returns for how long the pair is ejected from now on, in ms, when this outcome was one too many
   */
  record(backend: string, model: string, code: number, of: number): number | undefined {
    const { consecutiveErrors, baseMs, maxMs, maxPercent } = this.#options;
    if (consecutiveErrors === 0) return undefined;
    const record = this.#records.get(model)?.get(backend);
    if (!failures.has(code)) {
      if (record !== undefined) {
        record.consecutive = 0;
        // back and well for as long as it was out: the next time starts small again
        if (record.times > 0 && this.#clock() > record.untilMs + baseMs * record.times) record.times = 0;
      }
      return undefined;
    }
    const now = this.#clock();
    const counted = record ?? this.#add(backend, model);
    if (counted.untilMs <= now) counted.code = code;
    if (counted.untilMs > now || ++counted.consecutive < consecutiveErrors) return undefined;
    const allowed = of <= 1 ? 0 : Math.max(1, Math.floor((of * maxPercent) / 100));
    if (this.#ejected(model, now) >= allowed) return undefined;
    counted.consecutive = 0;
    counted.times++;
    const forMs = Math.min(maxMs, baseMs * counted.times);
    counted.untilMs = now + forMs;
    return forMs;
  }

  /** A backend that came back, or a model that was loaded anew, starts with a clean record. */
  clear(backend: string, model: string): void {
    this.#records.get(model)?.delete(backend);
  }

  forget(model: string): void {
    this.#records.delete(model);
  }

  #ejected(model: string, now: number): number {
    let count = 0;
    for (const record of this.#records.get(model)?.values() ?? []) if (record.untilMs > now) count++;
    return count;
  }

  #add(backend: string, model: string): Record {
    const record: Record = { consecutive: 0, times: 0, untilMs: 0, code: Code.OK };
    const ofModel = this.#records.get(model) ?? new Map<string, Record>();
    this.#records.set(model, ofModel.set(backend, record));
    return record;
  }
}

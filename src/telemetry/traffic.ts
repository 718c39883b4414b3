/** What traffic was like lately, second by second: for people who look at the gateway itself, without a Prometheus. */
import { Code, codeName } from '../base/status.ts';
import { ByModel, type CallEnd, type ModelRef } from '../call/index.ts';
import { Latencies } from './latencies.ts';

/** One second of traffic. */
export interface TrafficPoint {
  /** Its end, in ms since 1970. */
  readonly at: number;
  readonly calls: number;
  readonly errors: number;
  /** Of the calls that ended with OK, in ms; null when there was none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly retries: number;
  readonly hits: number;
  readonly misses: number;
}

/** One backend or model over the last ten seconds, and since the start. */
export interface TrafficOf {
  readonly name: string;
  /** Of a model that is not the default fleet's. */
  readonly fleet?: string | undefined;
  /** Calls a second. */
  readonly rate: number;
  /** Calls a second that failed. */
  readonly errorRate: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly calls: number;
  readonly errors: number;
  readonly retries: number;
  readonly ejections: number;
}

/** Everything since the start, and by backend and model. */
export interface TrafficTotals {
  readonly calls: number;
  readonly inFlight: number;
  /** Calls by status code. */
  readonly codes: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly ejections: number;
  readonly cache: Readonly<Record<string, number>>;
  readonly limits: Readonly<Record<string, number>>;
  readonly backends: readonly TrafficOf[];
  readonly models: readonly TrafficOf[];
}

/** Seconds of history: five minutes fit a screen. */
const maxPoints = 300;
/** Rates and percentiles of a backend are over so many seconds: steady enough to read, quick enough to believe. */
const windowSeconds = 10;

/** Counts of one backend, one model or everything; `marks` holds what they were at the last seconds' ends. */
class Tally {
  calls = 0;
  errors = 0;
  retries = 0;
  ejections = 0;
  readonly latencies = new Latencies();
  readonly #marks: { calls: number; errors: number; latencies: Latencies }[] = [];

  add(ok: boolean, timed: boolean, durationMs: number): void {
    this.calls++;
    if (!ok) this.errors++;
    else if (timed) this.latencies.add(durationMs);
  }

  mark(): void {
    this.#marks.push({ calls: this.calls, errors: this.errors, latencies: this.latencies.copy() });
    if (this.#marks.length > windowSeconds + 1) this.#marks.shift();
  }

  view(name: string): TrafficOf {
    const { calls, errors, retries, ejections } = this;
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    const seconds = Math.max(1, this.#marks.length - 1);
    const between =
      first === undefined || last === undefined ? new Latencies() : last.latencies.since(first.latencies);
    return {
      name,
      rate: ((last?.calls ?? 0) - (first?.calls ?? 0)) / seconds,
      errorRate: ((last?.errors ?? 0) - (first?.errors ?? 0)) / seconds,
      p50Ms: between.percentile(0.5),
      p99Ms: between.percentile(0.99),
      calls,
      errors,
      retries,
      ejections,
    };
  }
}

/** By name, or by model. */
interface Tallies<K> {
  readonly size: number;
  get(key: K): Tally | undefined;
  set(key: K, tally: Tally): unknown;
}

const nameless: ModelRef = { model: '' };

interface Sums {
  readonly calls: number;
  readonly errors: number;
  readonly retries: number;
  readonly hits: number;
  readonly misses: number;
  readonly latencies: Latencies;
}

/**
 * Counts calls, errors and latencies in all, by backend and by model, at most `maxNames` of each, for the
 * dashboard.
 */
export class Traffic {
  readonly #maxNames: number;
  readonly #all = new Tally();
  readonly #backends = new Map<string, Tally>();
  readonly #models = new ByModel<Tally>();
  readonly #codes: number[] = [];
  readonly #cache = new Map<string, number>();
  readonly #limits = new Map<string, number>();
  readonly #points: TrafficPoint[] = [];
  /** The sums that the next point is counted from. */
  #before: Sums;
  #inFlight = 0;

  /** @param maxNames models, and backends, that are counted apart */
  constructor(maxNames: number) {
    this.#maxNames = maxNames;
    this.#before = this.#sums();
  }

  callStarted(): void {
    this.#inFlight++;
  }

  callEnded({ call, code, durationMs, from, knownModel }: CallEnd): void {
    this.#inFlight--;
    this.#codes[code] = (this.#codes[code] ?? 0) + 1;
    const ok = code === Code.OK;
    const timed = call.kind === 'unary';
    this.#all.add(ok, timed, durationMs);
    if (from !== '') this.#tally(this.#backends, from)?.add(ok, timed, durationMs);
    if (knownModel) this.#tally(this.#models, call.target ?? nameless)?.add(ok, timed, durationMs);
  }

  retried(backend: string): void {
    this.#all.retries++;
    const tally = this.#tally(this.#backends, backend);
    if (tally !== undefined) tally.retries++;
  }

  ejected(backend: string): void {
    this.#all.ejections++;
    const tally = this.#tally(this.#backends, backend);
    if (tally !== undefined) tally.ejections++;
  }

  cacheEvent(event: string): void {
    this.#cache.set(event, (this.#cache.get(event) ?? 0) + 1);
  }

  limited(limit: string): void {
    this.#limits.set(limit, (this.#limits.get(limit) ?? 0) + 1);
  }

  backendGone(backend: string): void {
    this.#backends.delete(backend);
  }

  /** Ends a second; to be called once in each. */
  tick(at: number): TrafficPoint {
    const sums = this.#sums();
    const before = this.#before;
    const latencies = sums.latencies.since(before.latencies);
    const point: TrafficPoint = {
      at,
      calls: sums.calls - before.calls,
      errors: sums.errors - before.errors,
      p50Ms: latencies.percentile(0.5),
      p99Ms: latencies.percentile(0.99),
      retries: sums.retries - before.retries,
      hits: sums.hits - before.hits,
      misses: sums.misses - before.misses,
    };
    this.#before = sums;
    this.#points.push(point);
    if (this.#points.length > maxPoints) this.#points.shift();
    for (const tallies of [this.#backends, this.#models])
      for (const [, tally] of tallies.entries()) tally.mark();
    return point;
  }

  /** The last minutes, the oldest second first. */
  get points(): readonly TrafficPoint[] {
    return this.#points;
  }

  totals(): TrafficTotals {
    return {
      calls: this.#all.calls,
      inFlight: this.#inFlight,
      codes: Object.fromEntries(
        this.#codes.flatMap((count, code) => (count > 0 ? [[codeName(code), count]] : [])),
      ),
      retries: this.#all.retries,
      ejections: this.#all.ejections,
      cache: Object.fromEntries(this.#cache),
      limits: Object.fromEntries(this.#limits),
      backends: [...this.#backends].map(([name, tally]) => tally.view(name)),
      models: [...this.#models.entries()].map(([{ model, fleet }, tally]) => ({
        ...tally.view(model),
        ...(fleet === undefined ? {} : { fleet }),
      })),
    };
  }

  #sums(): Sums {
    const { calls, errors, retries, latencies } = this.#all;
    const [hits, misses] = [this.#cache.get('hit') ?? 0, this.#cache.get('miss') ?? 0];
    return { calls, errors, retries, hits, misses, latencies: latencies.copy() };
  }

  #tally<K>(tallies: Tallies<K>, name: K): Tally | undefined {
    let tally = tallies.get(name);
    if (tally === undefined && tallies.size < this.#maxNames) {
      tally = new Tally();
      tally.mark();
      tallies.set(name, tally);
    }
    return tally;
  }
}

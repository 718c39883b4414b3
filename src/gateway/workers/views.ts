/** What the admin door shows of all workers as one: fleets and traffic added up, whichever worker is asked. */
import type { Clock } from '../../base/clock.ts';
import type { TrafficOf, TrafficPoint, TrafficTotals } from '../../telemetry/index.ts';
import type { Peers } from './peers.ts';

/** A fleet as each worker has it; what is not added up is the asked worker's own. */
export interface FleetView {
  readonly name: string;
  readonly backends: readonly { readonly name: string; readonly [field: string]: unknown }[];
}

/** Figures of a backend that each worker has a part of. */
const summed = ['inFlight', 'limit', 'connections'] as const;

/** Adds the others' parts to a worker's own fleets. */
export function mergeFleets<T extends FleetView>(
  own: readonly T[],
  others: readonly (readonly FleetView[])[],
): readonly T[] {
  return own.map((fleet) => ({
    ...fleet,
    backends: fleet.backends.map((backend) => {
      const same = others.flatMap((fleets) =>
        fleets
          .filter(({ name }) => name === fleet.name)
          .flatMap(({ backends }) => backends.filter(({ name }) => name === backend.name)),
      );
      const sums = summed.map((field) => {
        const parts = [backend, ...same]
          .map((each) => each[field])
          .filter((value) => typeof value === 'number');
        return [field, parts.reduce((sum, value) => sum + value, 0)] as const;
      });
      return { ...backend, ...Object.fromEntries(sums.filter(([field]) => field in backend)) };
    }),
  }));
}

type Counts = Readonly<Record<string, number>>;

function addCounts(all: readonly Counts[]): Counts {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** The largest: the true percentile of all lies between the workers' own. */
function worst(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function addNamed(all: readonly (readonly TrafficOf[])[]): readonly TrafficOf[] {
  const same = new Map<string, TrafficOf[]>();
  for (const each of all.flat()) {
    const key = `${each.name}\0${each.fleet ?? ''}`;
    const parts = same.get(key);
    if (parts === undefined) same.set(key, [each]);
    else parts.push(each);
  }
  return [...same.values()].map((parts) => {
    const { name, fleet } = parts[0] as TrafficOf;
    const sum = (field: 'rate' | 'errorRate' | 'calls' | 'errors' | 'retries' | 'ejections'): number =>
      parts.reduce((total, part) => total + part[field], 0);
    return {
      name,
      ...(fleet === undefined ? {} : { fleet }),
      rate: sum('rate'),
      errorRate: sum('errorRate'),
      p50Ms: worst(parts.map(({ p50Ms }) => p50Ms)),
      p99Ms: worst(parts.map(({ p99Ms }) => p99Ms)),
      calls: sum('calls'),
      errors: sum('errors'),
      retries: sum('retries'),
      ejections: sum('ejections'),
    };
  });
}

/** Adds up the traffic totals of several workers. */
export function mergeTotals(all: readonly TrafficTotals[]): TrafficTotals {
  const sum = (field: 'calls' | 'inFlight' | 'retries' | 'ejections'): number =>
    all.reduce((total, each) => total + each[field], 0);
  return {
    calls: sum('calls'),
    inFlight: sum('inFlight'),
    codes: addCounts(all.map(({ codes }) => codes)),
    retries: sum('retries'),
    ejections: sum('ejections'),
    cache: addCounts(all.map(({ cache }) => cache)),
    limits: addCounts(all.map(({ limits }) => limits)),
    backends: addNamed(all.map(({ backends }) => backends)),
    models: addNamed(all.map(({ models }) => models)),
  };
}

function mergePoints(at: number, points: readonly TrafficPoint[]): TrafficPoint {
  const sum = (field: 'calls' | 'errors' | 'retries' | 'hits' | 'misses'): number =>
    points.reduce((total, point) => total + point[field], 0);
  return {
    at,
    calls: sum('calls'),
    errors: sum('errors'),
    p50Ms: worst(points.map(({ p50Ms }) => p50Ms)),
    p99Ms: worst(points.map(({ p99Ms }) => p99Ms)),
    retries: sum('retries'),
    hits: sum('hits'),
    misses: sum('misses'),
  };
}

export interface OwnTraffic {
  tick(at: number): unknown;
  readonly points: readonly TrafficPoint[];
  totals(): TrafficTotals;
}

/** What another worker said last. */
interface Part {
  readonly atMs: number;
  readonly fleets: readonly FleetView[];
  readonly point: TrafficPoint | undefined;
  readonly totals: TrafficTotals;
}

/** A worker that says nothing for so long has no traffic, in ms. */
const silentAfterMs = 3000;
/** And after so long it has ended. */
const endedAfterMs = 60_000;

/** What one that says nothing any more has counted: it counts still, and does nothing. */
function past(totals: TrafficTotals): TrafficTotals {
  const still = (all: readonly TrafficOf[]): TrafficOf[] =>
    all.map((each) => ({ ...each, rate: 0, errorRate: 0, p50Ms: null, p99Ms: null }));
  return { ...totals, inFlight: 0, backends: still(totals.backends), models: still(totals.models) };
}
/** As many seconds as one worker shows. */
const maxPoints = 300;

/** The traffic of all workers: each tells the others its own once a second. */
export class SharedTraffic {
  readonly #own: OwnTraffic;
  readonly #peers: Peers;
  readonly #fleets: () => readonly FleetView[];
  readonly #clock: Clock;
  readonly #parts = new Map<number, Part>();
  /** Of those that have ended, together; and who they were. */
  #past: TrafficTotals | undefined;
  readonly #ended = new Set<number>();
  readonly points: TrafficPoint[] = [];

  constructor(own: OwnTraffic, peers: Peers, fleets: () => readonly FleetView[], clock: Clock) {
    this.#own = own;
    this.#peers = peers;
    this.#fleets = fleets;
    this.#clock = clock;
    peers.subscribe('traffic', (value, from) => {
      if (this.#ended.has(from)) return;
      this.#parts.set(from, { ...(value as Omit<Part, 'atMs'>), atMs: clock() });
    });
  }

  tick(at: number): void {
    this.#own.tick(at);
    const point = this.#own.points.at(-1);
    this.#peers.tellOthers('traffic', { fleets: this.#fleets(), point, totals: this.#own.totals() });
    const points = [point, ...this.#others().map((part) => part.point)].filter((each) => each !== undefined);
    this.points.push(mergePoints(at, points));
    if (this.points.length > maxPoints) this.points.shift();
  }

  totals(): TrafficTotals {
    const others = this.#others().map(({ totals }) => totals);
    const silentSince = this.#clock() - silentAfterMs;
    const silent = [...this.#parts.values()].filter(({ atMs }) => atMs < silentSince);
    const pasts = silent.map(({ totals }) => past(totals));
    return mergeTotals([
      this.#own.totals(),
      ...others,
      ...pasts,
      ...(this.#past === undefined ? [] : [this.#past]),
    ]);
  }

  /** This worker's fleets with the others' parts added. */
  fleets<T extends FleetView>(own: readonly T[]): readonly T[] {
    return mergeFleets(
      own,
      this.#others().map(({ fleets }) => fleets),
    );
  }

  /** Those that have something to say now. */
  #others(): Part[] {
    const nowMs = this.#clock();
    for (const [id, { atMs, totals }] of this.#parts) {
      if (atMs >= nowMs - endedAfterMs) continue;
      this.#parts.delete(id);
      this.#ended.add(id);
      this.#past = mergeTotals([...(this.#past === undefined ? [] : [this.#past]), past(totals)]);
    }
    return [...this.#parts.values()].filter(({ atMs }) => atMs >= nowMs - silentAfterMs);
  }
}

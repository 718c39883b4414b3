/**
 * What is counted of backends: how they are, what they have under way, how their calls end and how long these take
 * there.
 */
import { codeName } from '../base/status.ts';
import type { BackendMeter, ModelRef } from '../call/index.ts';
import { type Cell, HistogramFamily, NumberFamily } from './family.ts';
import type { Histogram } from './histogram.ts';
import { fleetLabel, labelsOf } from './model-labels.ts';

/**
 * Metric families by backend: state, calls in flight, queue, ejections, calls by status code, and their
 * duration.
 */
export class BackendMetrics {
  readonly #available: NumberFamily;
  readonly #inFlight: NumberFamily;
  readonly queue: NumberFamily;
  readonly #ejections: NumberFamily;
  readonly #up: NumberFamily;
  readonly #drained: NumberFamily;
  readonly #ejected: NumberFamily;
  readonly #calls: NumberFamily;
  readonly #time: HistogramFamily;
  readonly families: readonly (NumberFamily | HistogramFamily)[];
  readonly #meters = new Map<string, Meter>();

  constructor(prefix: string, maxSeries: number) {
    const options = (name: string, help: string, labels: string[]) => ({
      name: `${prefix}_backend_${name}`,
      help,
      labels: ['backend', ...labels],
      maxSeries,
    });
    const gauge = (name: string, help: string, labels: string[] = []): NumberFamily =>
      new NumberFamily('gauge', options(name, help, labels));
    const counter = (name: string, help: string, labels: string[] = []): NumberFamily =>
      new NumberFamily('counter', options(name, help, labels));
    const available = 'Whether a model version is AVAILABLE at a backend that is not drained.';
    this.#available = gauge('available', available, ['name', fleetLabel, 'version']);
    this.#up = gauge('up', 'Whether a backend takes calls, as its health says.');
    this.#drained = gauge('drained', 'Whether an operator has taken a backend out.');
    this.#ejected = gauge('ejected', 'Whether a backend is ejected for a model now, or as a whole.', [
      'name',
      fleetLabel,
    ]);
    this.#inFlight = gauge('in_flight', 'Calls under way at a backend.');
    this.queue = gauge('queue', 'Calls that wait because a backend allows no more streams.');
    this.#ejections = counter('ejections_total', 'Times a backend was ejected for a model.', [
      'name',
      fleetLabel,
    ]);
    this.#calls = counter(
      'requests_total',
      'Calls and their further attempts by how they ended at a backend; by HTTP status where HTTP passes.',
      ['code'],
    );
    this.#time = new HistogramFamily(
      options(
        'request_time_us',
        'Time at a backend of calls that ended with OK; until its head, of an answer below 500 where HTTP passes. In microseconds.',
        [],
      ),
    );
    this.families = [
      this.#available,
      this.#up,
      this.#drained,
      this.#ejected,
      this.#inFlight,
      this.queue,
      this.#ejections,
      this.#calls,
      this.#time,
    ];
  }

  /** For one fleet that has it: several may. */
  meterOf(backend: string): BackendMeter {
    let meter = this.#meters.get(backend);
    if (meter === undefined)
      this.#meters.set(
        backend,
        (meter = new Meter(backend, { inFlight: this.#inFlight, calls: this.#calls, time: this.#time })),
      );
    return new Share(meter);
  }

  up(backend: string, up: boolean): void {
    this.#up.cell(backend).value = up ? 1 : 0;
  }

  drained(backend: string, drained: boolean): void {
    this.#drained.cell(backend).value = drained ? 1 : 0;
  }

  state(backend: string, model: ModelRef, version: string, available: boolean): void {
    this.#available.cell(backend, ...labelsOf(model), version).value = available ? 1 : 0;
  }

  ejected(backend: string, model: ModelRef): void {
    const labels = labelsOf(model);
    this.#ejections.cell(backend, ...labels).value++;
    this.#ejected.cell(backend, ...labels).value = 1;
  }

  readmitted(backend: string, model: ModelRef): void {
    const cell = this.#ejected.peek(backend, ...labelsOf(model));
    if (cell !== undefined) cell.value = 0;
  }

  /** A fleet has let it go, or is the default fleet now, or is it no longer: others may have it still. */
  modelsGone(backend: string, fleet = ''): void {
    for (const family of [this.#available, this.#ejected, this.#ejections])
      family.dropAll({ backend, [fleetLabel]: fleet });
  }

  /** It has left the fleet: addresses that never come back must not stay for ever. */
  gone(backend: string): void {
    for (const family of this.families) family.drop('backend', backend);
    this.#meters.get(backend)?.startOver();
    this.#meters.delete(backend);
  }
}

interface Metered {
  readonly inFlight: NumberFamily;
  readonly calls: NumberFamily;
  readonly time: HistogramFamily;
}

/** Cells of one backend, each made when it is first counted on. */
class Meter {
  readonly #backend: string;
  readonly #families: Metered;
  #inFlight: Cell | undefined;
  /** By gRPC code, and behind these by HTTP status. */
  #cells: (Cell | undefined)[] = [];
  #histogram: Histogram | undefined;

  constructor(backend: string, families: Metered) {
    this.#backend = backend;
    this.#families = families;
  }

  get inFlight(): Cell {
    return (this.#inFlight ??= this.#families.inFlight.cell(this.#backend));
  }

  called(code: number, tookMs: number): void {
    const cell = (this.#cells[code] ??= this.#families.calls.cell(this.#backend, codeName(code)));
    cell.value++;
    if (code === 0) this.#observe(tookMs);
  }

  answered(status: number, tookMs: number): void {
    const cell = (this.#cells[status] ??= this.#families.calls.cell(this.#backend, String(status)));
    cell.value++;
    if (status < 500) this.#observe(tookMs);
  }

  /** Another fleet may go on with a backend that one has let go. */
  startOver(): void {
    this.#inFlight = undefined;
    this.#cells = [];
    this.#histogram = undefined;
  }

  #observe(ms: number): void {
    (this.#histogram ??= this.#families.time.cell(this.#backend)).observe(ms * 1000);
  }
}

/** What one fleet counts of a backend. */
class Share implements BackendMeter {
  readonly #meter: Meter;
  /** What this one has added to it. */
  #inFlight: Cell | undefined;
  #calls = 0;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  inFlight(calls: number): void {
    const cell = this.#meter.inFlight;
    if (cell !== this.#inFlight) {
      this.#inFlight = cell;
      this.#calls = 0;
    }
    cell.value += calls - this.#calls;
    this.#calls = calls;
  }

  called(code: number, tookMs: number): void {
    this.#meter.called(code, tookMs);
  }

  answered(status: number, tookMs: number): void {
    this.#meter.answered(status, tookMs);
  }
}

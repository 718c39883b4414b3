/** What is counted of calls: requests by code, latency, bytes, how many are under way. */
import { Code, codeName } from '../base/status.ts';
import {
  type Api,
  ByModel,
  type Call,
  type CallEnd,
  type Method,
  type ModelRef,
  type Protocol,
} from '../call/index.ts';
import { type Cell, HistogramFamily, NumberFamily } from './family.ts';
import type { Histogram } from './histogram.ts';
import { fleetLabel, labelsOf } from './model-labels.ts';

/** OVMS's values of the label "api", and one for services that the gateway passes through. */
const apiLabels: Readonly<Record<Api, string>> = {
  tfs: 'TensorFlowServing',
  kserve: 'KServe',
  other: 'other',
};

/** Methods whose time is a model's: polls of status and metadata would drown it in the same histogram. */
const inferenceMethods: ReadonlySet<string> = new Set([
  'Predict',
  'Classify',
  'Regress',
  'MultiInference',
  'SessionRun',
  'ModelInfer',
]);

/**
 * How inference is asked for, and how it ends where something is wrong with the fleet: what an alert looks at begins
 * at 0.
 */
const expectedMethods: readonly (readonly [Api, string])[] = [
  ['tfs', 'Predict'],
  ['kserve', 'ModelInfer'],
];
const expectedInterfaces: readonly Protocol[] = ['gRPC', 'REST', 'gRPC-Web'];
const expectedFailures: readonly Code[] = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED];
/** Of calls that name no model that is known. */
const expectedRefusals: readonly Code[] = [Code.NOT_FOUND, Code.UNAVAILABLE];
/** Series that nothing was counted on yet take this part of telemetry.maxSeries at most. */
const expectedShare = 0.2;

/** Everything that one call adds to, looked up once and kept. */
interface CallSeries {
  /** By code; made when a call first ends so. */
  readonly codes: (Cell | undefined)[];
  readonly latency: Histogram | undefined;
  readonly requestBytes: Cell;
  readonly replyBytes: Cell;
  readonly answered: Cell;
  readonly refused: Cell;
}

type Versions = Map<string, CallSeries>;
type Models = ByModel<Versions>;

/** Calls of no model, and of such as nobody knows. */
const nameless: ModelRef = { model: '' };

export interface CallMetricsOptions {
  readonly prefix: string;
  /** Models that get series of their own. */
  readonly maxModels: number;
  /** Versions of one model that get series of their own. */
  readonly maxVersionsPerModel: number;
  readonly maxSeries: number;
}

/**
 * Metric families of RPCs by method, interface, model and version; models and versions beyond the limits share
 * series.
 */
export class CallMetrics {
  readonly #options: CallMetricsOptions;
  readonly #success: NumberFamily;
  readonly #fail: NumberFamily;
  readonly #accepted: NumberFamily;
  readonly #rejected: NumberFamily;
  readonly #time: HistogramFamily;
  readonly #current: NumberFamily;
  readonly #requestBytes: NumberFamily;
  readonly #replyBytes: NumberFamily;
  readonly families: readonly (NumberFamily | HistogramFamily)[];
  /** method key -> interface -> model -> version; calls of unknown services share one method key. */
  readonly #byMethod = new Map<Method | 'other', Map<Protocol, Models>>();
  /** Cells of #current by interface and model. */
  readonly #underWay = new Map<Protocol, ByModel<Cell>>();
  /** Models that the fleet or the configuration knows, and their versions that some server has shown to exist. */
  readonly #known = new ByModel<Set<string>>();

  constructor(options: CallMetricsOptions) {
    this.#options = options;
    const { prefix, maxSeries } = options;
    const number = (type: 'counter' | 'gauge', name: string, help: string, labels: string[]): NumberFamily =>
      new NumberFamily(type, { name: `${prefix}_${name}`, help, labels, maxSeries });
    const method = ['api', 'interface', 'method', 'name', fleetLabel];
    const full = [...method, 'version', 'code'];
    this.#success = number('counter', 'requests_success', 'Calls that ended with OK.', full);
    this.#fail = number('counter', 'requests_fail', 'Calls that ended with another status code.', full);
    this.#accepted = number(
      'counter',
      'requests_accepted',
      'Calls that a backend or the cache answered.',
      method,
    );
    this.#rejected = number('counter', 'requests_rejected', 'Calls that the gateway refused itself.', method);
    this.#time = new HistogramFamily({
      name: `${prefix}_request_time_us`,
      help: 'Time of successful unary inference calls in the gateway, in microseconds.',
      labels: ['interface', 'name', fleetLabel, 'version'],
      maxSeries,
    });
    this.#current = number('gauge', 'current_requests', 'Calls under way.', [
      'interface',
      'name',
      fleetLabel,
    ]);
    const bytes = ['interface', 'name', fleetLabel];
    this.#requestBytes = number('counter', 'request_bytes_total', 'Bytes of request messages.', bytes);
    this.#replyBytes = number('counter', 'response_bytes_total', 'Bytes of response messages.', bytes);
    this.families = [
      this.#success,
      this.#fail,
      this.#accepted,
      this.#rejected,
      this.#time,
      this.#current,
      this.#requestBytes,
      this.#replyBytes,
    ];
    this.#begin(nameless, '', expectedRefusals);
  }

  /** A server has it, so that calls for it are expected: what is counted of them rises from 0, and not from nothing. */
  expect(model: ModelRef, version: string): void {
    const isNew = this.#known.get(model)?.has(version) !== true;
    const versions = this.learn(model, version);
    if (!isNew || versions === undefined) return;
    // before a version is found for it, a call counts without one
    if (versions.size <= 1) this.#begin(model, '', expectedFailures);
    if (versions.has(version)) this.#begin(model, version, expectedFailures);
  }

  #begin(model: ModelRef, version: string, codes: readonly Code[]): void {
    const names = labelsOf(model);
    for (const [api, method] of expectedMethods) {
      for (const via of expectedInterfaces) {
        if (this.#fail.size + codes.length > this.#options.maxSeries * expectedShare) return;
        const labels = [apiLabels[api], via, method, ...names];
        for (const code of codes) this.#fail.cell(...labels, version, codeName(code));
        this.#accepted.cell(...labels);
        this.#rejected.cell(...labels);
      }
    }
  }

  /** A server has shown that this model, and this version of it, exist. */
  learn(model: ModelRef, version: string): Set<string> | undefined {
    let versions = this.#known.get(model);
    if (versions === undefined) {
      if (model.model === '' || this.#known.size >= this.#options.maxModels) return undefined;
      this.#known.set(model, (versions = new Set()));
    }
    if (version !== '' && versions.size < this.#options.maxVersionsPerModel) versions.add(version);
    return versions;
  }

  /**
   * Gives the gauge that the call is counted on: it must be taken off the same one, though its model may be known by
   * then.
   */
  started(call: Call): Cell {
    const asked = call.target ?? nameless;
    const model = this.#known.has(asked) ? asked : nameless;
    const cell = this.#underWay.get(call.via)?.get(model) ?? this.#newUnderWay(call.via, model);
    cell.value++;
    return cell;
  }

  #newUnderWay(via: Protocol, model: ModelRef): Cell {
    const cell = this.#current.cell(via, ...labelsOf(model));
    getOrAdd(this.#underWay, via, () => new ByModel<Cell>()).set(model, cell);
    return cell;
  }

  ended(end: CallEnd): void {
    const { call, code } = end;
    const gauge = end.started as Cell | undefined;
    if (gauge !== undefined) gauge.value--;
    const series = this.#seriesOf(end);
    const cell = (series.codes[code] ??= this.#codeCell(end));
    cell.value++;
    (end.from === '' ? series.refused : series.answered).value++;
    series.requestBytes.value += end.requestBytes;
    series.replyBytes.value += end.replyBytes;
    if (code === Code.OK && call.kind === 'unary') series.latency?.observe(end.durationMs * 1000);
  }

  /** The model and version labels of a call: empty when naming them would let a client make series. */
  #names(end: CallEnd): [model: ModelRef, version: string] {
    const model = end.call.target ?? nameless;
    // it keeps its name while no backend is up to have it
    if (!end.knownModel && !this.#known.has(model)) return [nameless, ''];
    const versions = this.learn(model, end.code === Code.OK ? end.version : '');
    if (versions === undefined) return [nameless, ''];
    return [model, versions.has(end.version) ? end.version : ''];
  }

  #seriesOf(end: CallEnd): CallSeries {
    const { method, via } = end.call;
    const key = method.api === 'other' ? 'other' : method;
    const [model, version] = this.#names(end);
    return (
      this.#byMethod.get(key)?.get(via)?.get(model)?.get(version) ?? this.#newSeries(end, model, version)
    );
  }

  #newSeries({ call: { method, via } }: CallEnd, model: ModelRef, version: string): CallSeries {
    const name = labelsOf(model);
    const labels = [...this.#methodLabels(method, via), ...name];
    const series: CallSeries = {
      codes: [],
      latency:
        inferenceMethods.has(method.name) && model.model !== ''
          ? this.#time.cell(via, ...name, version)
          : undefined,
      requestBytes: this.#requestBytes.cell(via, ...name),
      replyBytes: this.#replyBytes.cell(via, ...name),
      answered: this.#accepted.cell(...labels),
      refused: this.#rejected.cell(...labels),
    };
    const key = method.api === 'other' ? 'other' : method;
    const byInterface = getOrAdd(this.#byMethod, key, () => new Map<Protocol, Models>());
    const models = getOrAdd(byInterface, via, () => new ByModel<Versions>());
    getOrAdd(models, model, () => new Map() as Versions).set(version, series);
    return series;
  }

  #codeCell(end: CallEnd): Cell {
    const { method, via } = end.call;
    const family = end.code === Code.OK ? this.#success : this.#fail;
    const [model, version] = this.#names(end);
    return family.cell(...this.#methodLabels(method, via), ...labelsOf(model), version, codeName(end.code));
  }

  #methodLabels(method: Method, via: Protocol): [api: string, via: string, name: string] {
    return [apiLabels[method.api], via, method.api === 'other' ? 'other' : method.name];
  }
}

interface Keyed<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

function getOrAdd<K, V>(map: Keyed<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

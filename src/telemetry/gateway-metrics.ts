/** What is counted beside calls: retries, the cache, limits, and what backends are. */
import { faultPlaces } from '../base/faults.ts';
import type { ModelRef, LimitName } from '../call/index.ts';
import { BackendMetrics } from './backend-metrics.ts';
import { HistogramFamily, NumberFamily } from './family.ts';
import { fleetLabel, labelsOf } from './model-labels.ts';

type CacheEvent = 'hit' | 'miss' | 'store' | 'error' | 'skip';

/** What refuses: each has a series from the start. */
const limits = [
  'address connections',
  'backend streams',
  'body',
  'connections',
  'deadline',
  'headers',
  'idle connection',
  'idle stream',
  'memory',
  'memory copies',
  'memory readers',
  'message',
  'pipelined',
  'queue',
  'rate',
  'slow body',
  'slow headers',
  'slow reader',
  'streams',
] as const satisfies readonly LimitName[];

/** What is held for clients, by what it is held for, in bytes. */
export interface HeldMemory {
  readonly limitBytes: number;
  readonly held: readonly (readonly [kind: string, bytes: number])[];
}

/**
 * Metric families of the gateway as a whole: retries, hedging, cache, mirroring, queue, rate limits, faults,
 * memory.
 */
export class GatewayMetrics {
  readonly backends: BackendMetrics;
  readonly waits: HistogramFamily;
  readonly retries: NumberFamily;
  readonly hedges: NumberFamily;
  readonly cache: NumberFamily;
  readonly mirrored: NumberFamily;
  readonly waiting: NumberFamily;
  readonly sharedLimits: NumberFamily;
  readonly limits: NumberFamily;
  readonly faults: NumberFamily;
  readonly #held: NumberFamily;
  readonly #heldLimit: NumberFamily;
  readonly families: readonly (NumberFamily | HistogramFamily)[];

  constructor(prefix: string, maxSeries: number) {
    const family = (type: 'counter' | 'gauge', name: string, help: string, labels: string[]): NumberFamily =>
      new NumberFamily(type, { name: `${prefix}_${name}`, help, labels, maxSeries });
    this.backends = new BackendMetrics(prefix, maxSeries);
    this.retries = family(
      'counter',
      'retries_total',
      'Calls that were sent again, by the backend that failed.',
      ['backend', 'reason'],
    );
    this.hedges = family(
      'counter',
      'hedges_total',
      'Second attempts while the first waits for a backend that is silent, and which of them answered first.',
      ['backend', 'event'],
    );
    this.cache = family('counter', 'cache_events_total', 'What the response cache did.', [
      'name',
      fleetLabel,
      'event',
    ]);
    this.mirrored = family('counter', 'mirrored_total', 'Copies of calls to another model.', [
      'name',
      fleetLabel,
      'outcome',
    ]);
    this.waiting = family('gauge', 'queued_requests', 'Calls that wait for a place at a backend.', [
      'name',
      fleetLabel,
    ]);
    this.sharedLimits = family(
      'counter',
      'shared_limit_decisions_total',
      'Decisions about calls under a shared rate limit: by redis, by the memory of what it said, or by this gateway alone (down, late, error, busy).',
      ['limit', 'by'],
    );
    this.limits = family('counter', 'limited_total', 'Refusals, by the limit that was met.', ['limit']);
    this.faults = family(
      'counter',
      'faults_total',
      'Faults of the gateway itself that were caught, by where they were: each is a bug, and its stack is in the log.',
      ['where'],
    );
    for (const place of faultPlaces) this.faults.cell(place);
    for (const limit of limits) this.limits.cell(limit);
    this.#held = family(
      'gauge',
      'memory_held_bytes',
      'Bytes that are held for clients, by what they are held for.',
      ['kind'],
    );
    this.#heldLimit = family('gauge', 'memory_limit_bytes', 'Bytes that may be held for clients.', []);
    this.waits = new HistogramFamily({
      name: `${prefix}_queue_time_us`,
      help: 'Time until calls that had to wait got a place at a backend, in microseconds.',
      labels: ['name', fleetLabel],
      maxSeries,
    });
    this.families = [
      ...this.backends.families,
      this.retries,
      this.hedges,
      this.cache,
      this.mirrored,
      this.waiting,
      this.waits,
      this.sharedLimits,
      this.limits,
      this.faults,
      this.#held,
      this.#heldLimit,
    ];
  }

  memory({ limitBytes, held }: HeldMemory): void {
    for (const [kind, bytes] of held) this.#held.cell(kind).value = bytes;
    this.#heldLimit.cell().value = limitBytes;
  }

  cacheEvent(model: ModelRef, event: CacheEvent): void {
    this.cache.cell(...labelsOf(model), event).value++;
  }

  /** A backend has left the fleet: addresses that never come back must not stay for ever. */
  backendGone(backend: string): void {
    this.backends.gone(backend);
    for (const family of [this.retries, this.hedges]) family.drop('backend', backend);
  }
}

/** Views of several workers as one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeFleets, mergeTotals, SharedTraffic } from '../../../src/gateway/index.ts';
import type { TrafficPoint, TrafficTotals } from '../../../src/telemetry/index.ts';
import { manualClock } from '../../support/index.ts';

const backend = (inFlight: number, more: object = {}) => ({
  name: 'b',
  up: true,
  inFlight,
  connections: 1,
  ...more,
});
const totals = (calls: number): TrafficTotals => ({
  calls,
  inFlight: 1,
  codes: { OK: calls },
  retries: 0,
  ejections: 0,
  cache: {},
  limits: {},
  backends: [
    {
      name: 'b',
      rate: 2,
      errorRate: 0,
      p50Ms: calls,
      p99Ms: null,
      calls,
      errors: 0,
      retries: 0,
      ejections: 0,
    },
  ],
  models: [],
});

describe('views of several workers', () => {
  it('add up what each has a part of, and keep the rest as the asked one has it', () => {
    const own = [{ name: 'f', backends: [backend(1, { reason: 'mine' })] }];
    const others = [
      [{ name: 'f', backends: [backend(2, { reason: 'theirs' })] }],
      [{ name: 'g', backends: [backend(9)] }],
    ];
    assert.deepEqual(mergeFleets(own, others), [
      { name: 'f', backends: [{ name: 'b', up: true, inFlight: 3, connections: 2, reason: 'mine' }] },
    ]);
  });

  it('add up models of one name in two fleets apart', () => {
    const [model] = totals(1).backends;
    const worker = {
      ...totals(1),
      models: [
        { ...model!, name: 'm' },
        { ...model!, name: 'm', fleet: 'new' },
      ],
    };
    assert.deepEqual(
      mergeTotals([worker, worker]).models.map(({ name, fleet, calls }) => [name, fleet, calls]),
      [
        ['m', undefined, 2],
        ['m', 'new', 2],
      ],
    );
  });

  it('add up totals, by backend too', () => {
    const all = mergeTotals([totals(3), totals(4)]);
    assert.equal(all.calls, 7);
    assert.deepEqual(all.codes, { OK: 7 });
    assert.deepEqual(all.backends[0], {
      name: 'b',
      rate: 4,
      errorRate: 0,
      p50Ms: 4,
      p99Ms: null,
      calls: 7,
      errors: 0,
      retries: 0,
      ejections: 0,
    });
  });

  it('hold the traffic of every worker that spoke of late', () => {
    const { clock, advance } = manualClock();
    const point: TrafficPoint = {
      at: 0,
      calls: 5,
      errors: 1,
      p50Ms: 1,
      p99Ms: 2,
      retries: 0,
      hits: 0,
      misses: 0,
    };
    let news: ((value: unknown, from: number) => void) | undefined;
    const told: unknown[] = [];
    const shared = new SharedTraffic(
      { tick: () => undefined, points: [point], totals: () => totals(3) },
      {
        id: 1,
        speaks: true,
        onSpeak: () => undefined,
        askKept: () => Promise.resolve(undefined),
        keep: () => Promise.resolve(),
        askOthers: () => Promise.resolve([]),
        askLeader: () => Promise.resolve(undefined),
        respond: () => undefined,
        tellOthers: (topic, value) => told.push([topic, value]),
        subscribe: (_topic, listener) => (news = listener),
      },
      () => [],
      clock,
    );
    news?.({ fleets: [], point: { ...point, calls: 7, p99Ms: 9 }, totals: totals(4) }, 2);
    shared.tick(1000);
    assert.equal(told.length, 1);
    assert.deepEqual(shared.points, [{ ...point, at: 1000, calls: 12, errors: 2, p99Ms: 9 }]);
    assert.equal(shared.totals().calls, 7);
    assert.equal(shared.totals().inFlight, 2);
    // the worker has ended: what it has counted counts still, what it did is over
    for (const ms of [3001, 60_000]) {
      advance(ms);
      shared.tick(2000);
      assert.equal(shared.totals().calls, 7);
      assert.equal(shared.totals().inFlight, 1);
      assert.equal(shared.totals().backends[0]?.rate, 2);
      assert.equal(shared.points.at(-1)?.calls, 5);
    }
    // it was only stuck, for a minute
    news?.({ fleets: [], point, totals: totals(9) }, 2);
    assert.equal(shared.totals().calls, 7);
  });
});

/** The last minutes of traffic: rates and percentiles of each second, by backend and model, in bounded memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import type { CallEnd } from '../../src/call/index.ts';
import { Latencies } from '../../src/telemetry/latencies.ts';
import { Traffic } from '../../src/telemetry/traffic.ts';
import { streamCall, unaryCall } from '../support/index.ts';

const near = (actual: number | null | undefined, expected: number): void => {
  assert.ok(
    actual !== null && actual !== undefined && Math.abs(actual / expected - 1) < 0.05,
    `${actual} is not ${expected}`,
  );
};

function end(fields: Partial<CallEnd> = {}): CallEnd {
  return {
    call: unaryCall(),
    started: undefined,
    code: Code.OK,
    message: '',
    where: '',
    durationMs: 2,
    from: 'a:1',
    requestBytes: 0,
    replyBytes: 0,
    version: '1',
    knownModel: true,
    ...fields,
  };
}

describe('traffic', () => {
  it('gives percentiles within five percent', () => {
    const latencies = new Latencies();
    assert.equal(latencies.percentile(0.5), null);
    for (let ms = 1; ms <= 1000; ms++) latencies.add(ms);
    near(latencies.percentile(0.5), 500);
    near(latencies.percentile(0.99), 990);
    const before = latencies.copy();
    latencies.add(0);
    latencies.add(1e12);
    const later = latencies.since(before);
    near(later.percentile(0.5), 0.001 * 2 ** (1 / 16));
    assert.ok((later.percentile(1) ?? 0) > 3_000_000);
  });

  it('counts each second by itself, and the last ten by backend and model', () => {
    const traffic = new Traffic(10);
    for (let second = 1; second <= 20; second++) {
      for (let i = 0; i < 4; i++) {
        traffic.callStarted();
        traffic.callEnded(end({ durationMs: 10, from: i < 3 ? 'a:1' : 'b:1' }));
      }
      traffic.callStarted();
      traffic.callEnded(end({ code: Code.UNAVAILABLE, from: 'b:1' }));
      traffic.retried('b:1');
      traffic.cacheEvent('hit');
      traffic.tick(second * 1000);
    }
    const { points } = traffic;
    assert.equal(points.length, 20);
    const { p50Ms, p99Ms, ...counts } = points[19] ?? assert.fail();
    assert.deepEqual(counts, { at: 20_000, calls: 5, errors: 1, retries: 1, hits: 1, misses: 0 });
    near(p50Ms, 10);
    near(p99Ms, 10);
    const totals = traffic.totals();
    assert.deepEqual(totals.codes, { OK: 80, UNAVAILABLE: 20 });
    assert.deepEqual(
      [totals.calls, totals.inFlight, totals.retries, totals.cache],
      [100, 0, 20, { hit: 20 }],
    );
    const [a, b] = totals.backends;
    assert.deepEqual([a?.name, a?.rate, a?.errorRate, a?.calls], ['a:1', 3, 0, 60]);
    assert.deepEqual([b?.name, b?.rate, b?.errorRate, b?.errors, b?.retries], ['b:1', 2, 1, 20, 20]);
    near(b?.p99Ms, 10);
    assert.deepEqual(
      totals.models.map(({ name, rate }) => [name, rate]),
      [['half_plus_two', 5]],
    );
    // an idle second: no rate is made up, no percentile either
    for (let second = 21; second <= 32; second++) traffic.tick(second * 1000);
    assert.deepEqual(traffic.points.at(-1)?.p50Ms, null);
    assert.deepEqual([traffic.totals().backends[0]?.rate, traffic.totals().backends[0]?.p50Ms], [0, null]);
  });

  it('counts models of one name in two fleets apart', () => {
    const traffic = new Traffic(10);
    traffic.callEnded(end());
    for (let i = 0; i < 2; i++)
      traffic.callEnded(
        end({
          call: unaryCall(undefined, { target: { fleet: 'new', model: 'half_plus_two', signature: '' } }),
        }),
      );
    assert.deepEqual(
      traffic.totals().models.map(({ name, fleet, calls }) => [name, fleet, calls]),
      [
        ['half_plus_two', undefined, 1],
        ['half_plus_two', 'new', 2],
      ],
    );
  });

  it('leaves streams out of the latencies, and unknown models out of the names', () => {
    const traffic = new Traffic(2);
    traffic.callEnded(end({ call: streamCall(), durationMs: 60_000 }));
    traffic.callEnded(
      end({ knownModel: false, call: unaryCall(undefined, { target: { model: 'x', signature: '' } }) }),
    );
    for (const from of ['b:1', 'c:1', 'd:1']) traffic.callEnded(end({ from }));
    near(traffic.tick(1000).p99Ms, 2);
    const { backends, models } = traffic.totals();
    assert.deepEqual(
      backends.map(({ name }) => name),
      ['a:1', 'b:1'],
    );
    assert.deepEqual(
      models.map(({ name }) => name),
      ['half_plus_two'],
    );
    traffic.backendGone('a:1');
    assert.deepEqual(
      traffic.totals().backends.map(({ name }) => name),
      ['b:1'],
    );
  });

  it('keeps five minutes and no more', () => {
    const traffic = new Traffic(1);
    for (let second = 0; second < 400; second++) traffic.tick(second);
    assert.deepEqual([traffic.points.length, traffic.points[0]?.at], [300, 100]);
  });
});

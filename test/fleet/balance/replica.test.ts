/** What a model at a backend is worth of late: weights that never turn into nonsense, whatever happens. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { relativeCapacities, ReportedLoad, loadReportIn } from '../../../src/fleet/balance/load-reports.ts';
import { Replica } from '../../../src/fleet/balance/replica.ts';

const host = { name: 'a', zone: '', weight: 1, outstanding: 0, capacity: 1 };
const replica = (slowStartMs = 10_000): Replica => new Replica(host, 'm', () => slowStartMs);

describe('a replica', () => {
  it('keeps a weight above 0 and a ramp of 0.1 to 1 through any events', () => {
    const anyEvent = fc.record({
      kind: fc.constantFrom('ok', 'failed', 'refresh', 'start'),
      tookMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      waitMs: fc.oneof(fc.nat(100), fc.nat(1e9), fc.constant(-1000)),
    });
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 200 }), fc.nat(20_000), (events, slowStartMs) => {
        const each = replica(slowStartMs);
        let now = 0;
        for (const { kind, tookMs, waitMs } of events) {
          now += waitMs;
          if (kind === 'refresh') each.refresh(now);
          else if (kind === 'start') each.startSlowly(now);
          else each.ended(kind === 'failed', tookMs, now);
          assert.ok(each.weight > 0 && each.weight <= 1, `weight ${each.weight}`);
          assert.ok(each.ramp >= 0.1 && each.ramp <= 1, `ramp ${each.ramp}`);
          assert.ok(each.latencyMs >= 0 && Number.isFinite(each.latencyMs), `latency ${each.latencyMs}`);
        }
      }),
    );
  });

  it('weighs next to nothing while it fails everything, and much as before a minute later', () => {
    const each = replica();
    for (let i = 0; i < 100; i++) each.ended(true, 1, 1000 + i * 10);
    assert.ok(each.weight < 0.02, String(each.weight));
    each.refresh(62_000);
    assert.ok(each.weight > 0.6, String(each.weight));
  });

  it('hardly minds one failure of a hundred', () => {
    const each = replica();
    for (let i = 0; i < 100; i++) each.ended(i === 50, 1, 1000 + i * 10);
    assert.ok(each.weight > 0.8, String(each.weight));
  });

  it('believes a peak at once and forgets it slowly', () => {
    const each = replica();
    each.ended(false, 10, 0);
    each.ended(false, 900, 10);
    assert.equal(each.latencyMs, 900);
    each.ended(false, 10, 1010);
    assert.ok(each.latencyMs > 700 && each.latencyMs < 850, String(each.latencyMs));
  });

  it('forgets a peak that nobody dares to try again', () => {
    const each = replica();
    each.ended(false, 900, 0);
    for (let now = 0; now <= 60_000; now += 250) each.refresh(now);
    assert.ok(each.latencyMs < 5, String(each.latencyMs));
  });

  it('starts with a tenth of its turns and has all of them at the end', () => {
    const each = replica();
    each.startSlowly(0);
    assert.equal(each.ramp, 0.1);
    each.refresh(5000);
    assert.equal(each.ramp, 0.5);
    each.refresh(10_000);
    assert.equal(each.ramp, 1);
  });
});

/**
 * An OrcaLoadReport as grpcio's orca encoder writes it: field 1 (cpu), 6 (rps_fractional), 7 (eps), 9 (application).
 */
function report(fields: Readonly<Record<number, number>>): string {
  const bytes: Buffer[] = [];
  for (const [field, value] of Object.entries(fields)) {
    const one = Buffer.alloc(9);
    one[0] = (Number(field) << 3) | 1;
    one.writeDoubleLE(value, 1);
    bytes.push(one);
  }
  return Buffer.concat(bytes).toString('base64');
}

describe('load that backends report', () => {
  const name = 'endpoint-load-metrics-bin';

  it('is read from the trailers, the application before the CPU', () => {
    assert.deepEqual(loadReportIn([name, report({ 1: 0.5, 6: 100, 7: 2 })]), {
      utilization: 0.5,
      qps: 100,
      eps: 2,
    });
    assert.equal(loadReportIn([name, report({ 1: 0.5, 6: 1, 9: 0.9 })])?.utilization, 0.9);
    assert.equal(loadReportIn(['grpc-status', '0']), undefined);
    assert.equal(loadReportIn([name, 'CQ==']), undefined);
  });

  it('counts after ten seconds, for three minutes', () => {
    const load = new ReportedLoad();
    for (let ms = 1000; ms < 10_000; ms += 1000) load.said({ utilization: 0.5, qps: 100, eps: 0 }, ms);
    assert.equal(load.capacity(10_500), undefined);
    load.said({ utilization: 0.5, qps: 100, eps: 0 }, 11_500);
    assert.equal(load.capacity(11_500), 200);
    assert.equal(load.capacity(200_000), undefined);
  });

  it('is no figure from fewer than five reports, or from those of the first ten seconds', () => {
    const few = new ReportedLoad();
    for (const ms of [0, 11_000, 12_000, 13_000]) few.said({ utilization: 0.5, qps: 100, eps: 0 }, ms);
    assert.equal(few.capacity(13_000), undefined);
    const silent = new ReportedLoad();
    for (let ms = 0; ms < 9000; ms += 100) silent.said({ utilization: 0.9, qps: 1, eps: 0 }, ms);
    assert.equal(silent.capacity(30_000), undefined);
  });

  it('is moved little by one odd report, and starts over with a server that was away', () => {
    const load = new ReportedLoad();
    for (let ms = 0; ms <= 20_000; ms += 1000) load.said({ utilization: 0.5, qps: 100, eps: 0 }, ms);
    load.said({ utilization: 1e-9, qps: 1e6, eps: 0 }, 21_000);
    const capacity = load.capacity(21_000) ?? 0;
    assert.ok(capacity >= 200 && capacity < 251, String(capacity));
    load.startOver();
    assert.equal(load.capacity(21_000), undefined);
    load.said({ utilization: 0.5, qps: 100, eps: 0 }, 22_000);
    assert.equal(load.capacity(40_000), undefined);
  });

  it('ignores figures that cannot be', () => {
    const load = new ReportedLoad();
    for (const bad of [0, -1, Number.NaN]) load.said({ utilization: bad, qps: 1, eps: 0 }, 0);
    assert.equal(load.capacity(20_000), undefined);
  });

  it('is compared with the lower median within bounds, and with nothing when fewer than two report', () => {
    assert.deepEqual(relativeCapacities([100, 300, undefined]), [1, 3, 1]);
    assert.deepEqual(relativeCapacities([1, 100, 1e9]), [0.1, 1, 10]);
    assert.deepEqual(relativeCapacities([100, undefined]), [1, 1]);
  });
});

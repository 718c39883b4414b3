/** What each of several workers is given of a whole gateway's limits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadSnapshot } from '../../../src/config/index.ts';
import { gatewayOptions } from '../../../src/gateway/from-config/from-config.ts';

describe('the options of a worker', () => {
  const snapshot = loadSnapshot(undefined, { backends: ['tfs://127.0.0.1:8500'] }, {});
  const routesFor = (workers?: number) => gatewayOptions(snapshot, '0', workers).dataPlane;
  const { fleets, retry, hedge, queue } = snapshot.config;
  const concurrency = fleets.default?.concurrency;

  it('are all that is given when it is alone', () => {
    const routes = routesFor();
    assert.equal(routes.queue?.maxLength, queue.maxLength);
    assert.deepEqual(routes.fleets[0]?.concurrency, { ...concurrency, maxInFlight: 64, quickMs: 20 });
    assert.equal(routes.retry.budget.minPerSecond, retry.budgetMinPerSecond);
  });

  it('add up to what is given, or a little more where a limit cannot be divided', () => {
    for (const workers of [2, 3, 200]) {
      const { queue: line, fleets: own, retry: again, hedge: hedged } = routesFor(workers);
      for (const [part, whole] of [
        [own[0]?.concurrency.maxInFlight ?? 0, 64],
        [line?.maxLength ?? 0, queue.maxLength],
      ] as const) {
        assert.ok(Number.isInteger(part) && part >= 1);
        assert.ok(part * workers >= whole && (part - 1) * workers < whole, `${part} of ${whole}`);
      }
      assert.equal(again.budget.minPerSecond * workers, retry.budgetMinPerSecond);
      assert.equal((hedged?.budget.minPerSecond ?? 0) * workers, hedge.budgetMinPerSecond);
      assert.equal(again.budget.percent, retry.budgetPercent, 'shares are shares');
    }
  });

  it('keep to a number of calls at a backend that the operator gave, however quick it is', () => {
    const given = loadSnapshot(undefined, { backends: ['tfs://127.0.0.1:8500'] }, {});
    const { default: fleet } = given.config.fleets;
    assert.ok(fleet !== undefined);
    const config = {
      ...given.config,
      fleets: { default: { ...fleet, concurrency: { ...fleet.concurrency, maxInFlight: 12 } } },
    };
    for (const [workers, maxInFlight] of [
      [1, 12],
      [5, 3],
    ] as const) {
      const [own] = gatewayOptions({ ...given, config }, '0', workers).dataPlane.fleets;
      assert.equal(own?.concurrency.maxInFlight, maxInFlight);
      assert.equal(own.concurrency.quickMs, 0);
    }
  });

  it('show what the operator wrote', () => {
    assert.equal(gatewayOptions(snapshot, '0', 4).shown, snapshot.config);
  });
});

/** A probe that finds the queue of its backend's connections full tells nothing of the backend. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackendQueueFull, Code, StatusError } from '../../../src/base/status.ts';
import { ModelHealth } from '../../../src/fleet/health/model-health.ts';
import { Prober } from '../../../src/fleet/health/prober.ts';

const options = {
  check: 'model',
  service: '',
  path: '/',
  port: 0,
  intervalMs: 5000,
  fastIntervalMs: 1000,
  timeoutMs: 1000,
  fall: 1,
  rise: 1,
  maxLearntModels: 10,
} as const;

async function afterProbes(models: readonly string[], error: StatusError): Promise<boolean> {
  const health = new ModelHealth({ onVersion() {}, onChange() {}, onRecovered() {} });
  health.answered(1);
  const prober = new Prober({
    health,
    options: () => options,
    models: () => models,
    probe: () => Promise.reject(error),
    checkHost: () => Promise.reject(error),
    reserve: () => 0,
    clock: () => 0,
    random: () => 0.5,
  });
  await prober.start();
  prober.stop();
  return health.isHealthy;
}

describe('a probe', () => {
  const full = new BackendQueueFull('backend b: 1000 calls wait for it already', 'b');
  for (const [what, models] of [
    ['of a model', ['m']],
    ['of a host', []],
  ] as const) {
    it(`${what} that the gateway's own queue refuses leaves a healthy backend as it is`, async () => {
      assert.equal(await afterProbes(models, full), true);
    });

    it(`${what} that is refused by the backend takes it out`, async () => {
      const refused = new StatusError(Code.UNAVAILABLE, 'backend b: ECONNREFUSED', {
        where: 'b',
        disposition: 'not-started',
      });
      assert.equal(await afterProbes(models, refused), false);
    });
  }
});

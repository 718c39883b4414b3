/** When a backend is looked at: the intervals, the hurry, and what the looks mean, on a clock that tests move. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { ModelHealth } from '../../../src/fleet/health/model-health.ts';
import type { ProbeResult } from '../../../src/fleet/health/probe.ts';
import { Prober } from '../../../src/fleet/health/prober.ts';
import type { VersionStateName } from '../../../src/models/index.ts';
import { type FakeTime, fakeTime } from '../../support/fake-time.ts';

/** Of the test that runs. */
let time: FakeTime;

const options = {
  check: 'model',
  service: '',
  path: '/',
  port: 0,
  intervalMs: 5000,
  fastIntervalMs: 1000,
  timeoutMs: 1000,
  fall: 3,
  rise: 2,
  maxLearntModels: 10,
} as const;

const sight = (state: VersionStateName): ProbeResult => ({
  versions: [{ version: 1n, state, errorCode: 0, errorMessage: '' }],
});

/** Lets everything that waits for no timer run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function start(models: readonly string[]) {
  let now = 0;
  const looks: string[] = [];
  const world = {
    states: new Map<string, VersionStateName>(models.map((model) => [model, 'AVAILABLE'])),
    error: undefined as StatusError | undefined,
    refused: undefined as StatusError | undefined,
    /** Models about which it says nothing for as long as a look may take. */
    silent: [] as readonly string[],
  };
  const health = new ModelHealth({ onVersion() {}, onChange() {}, onRecovered() {} });
  const prober = new Prober({
    health,
    options: () => options,
    models: () => models,
    async probe(model) {
      looks.push(`${model}@${now}`);
      if (world.error !== undefined) throw world.error;
      if (world.silent.includes(model)) {
        await new Promise((resolve) => setTimeout(resolve, options.timeoutMs));
        throw new StatusError(Code.DEADLINE_EXCEEDED, 'no answer');
      }
      return sight(world.states.get(model) ?? 'UNKNOWN');
    },
    async checkHost() {
      looks.push(`host@${now}`);
      if (world.refused !== undefined) throw world.refused;
    },
    reserve: () => 0,
    clock: () => now,
    random: () => 0.5,
  });
  const advance = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms; i += 100) {
      now += 100;
      time.advance(100);
      await settle();
    }
  };
  return { health, prober, looks, world, advance };
}

describe('a prober', () => {
  beforeEach((t) => {
    time = fakeTime(t as TestContext);
  });

  it('looks at each model every five seconds, and every second at one that is loading', async () => {
    const { prober, looks, world, advance } = start(['a', 'b']);
    world.states.set('b', 'LOADING');
    await prober.start();
    looks.length = 0;
    await advance(5000);
    assert.equal(looks.filter((look) => look.startsWith('a')).length, 1);
    assert.equal(looks.filter((look) => look.startsWith('b')).length, 5);
    prober.stop();
  });

  it('asks for a sign of the backend alone while that is down, and for everything when it is back', async () => {
    const { prober, looks, world, health, advance } = start(['a', 'b']);
    world.refused = new StatusError(Code.UNAVAILABLE, 'connection refused', { disposition: 'not-started' });
    await prober.start();
    assert.deepEqual([health.state, looks], ['unhealthy', ['host@0']]);
    await advance(2000);
    assert.deepEqual(looks, ['host@0', 'host@1000', 'host@2000']);
    world.refused = undefined;
    await advance(1000);
    assert.equal(health.state, 'recovering');
    assert.deepEqual(looks.slice(3).sort(), ['a@3000', 'b@3000', 'host@3000']);
    await advance(1000);
    assert.equal(health.state, 'healthy');
    prober.stop();
  });

  it('takes three looks that time out for a fall, and a status for a sign of life', async () => {
    const { prober, world, health, advance } = start(['a']);
    await prober.start();
    world.error = new StatusError(Code.INTERNAL, 'broken', { fromBackend: true });
    await advance(11_000);
    assert.equal(health.isHealthy, true);
    world.error = new StatusError(Code.DEADLINE_EXCEEDED, 'no answer');
    // the next is due within five seconds, and then one each second
    await advance(5000);
    assert.equal(health.isHealthy, true);
    await advance(2000);
    assert.equal(health.state, 'unhealthy');
    prober.stop();
  });

  it('takes looks that time out together for one, and an answer for the end of a row', async () => {
    const { prober, world, health, advance } = start(['a', 'b', 'c', 'd']);
    await prober.start();
    world.silent = ['a', 'b', 'c', 'd'];
    // all are due within five seconds, and each second from then on
    await advance(6000);
    assert.equal(health.isHealthy, true, 'one silent moment');
    world.silent = ['a', 'b', 'c'];
    await advance(1500);
    world.silent = ['a', 'b', 'c', 'd'];
    await advance(3500);
    assert.equal(health.isHealthy, true, 'one has answered');
    await advance(1500);
    assert.deepEqual([health.state, health.reason], ['unhealthy', 'no answer']);
    prober.stop();
  });

  it('takes looks that time out one after the other for a row, also when there are more than it has under way', async () => {
    const { prober, world, health, advance } = start(Array.from({ length: 100 }, (_, i) => `m${i}`));
    await prober.start();
    world.silent = Array.from({ length: 100 }, (_, i) => `m${i}`);
    prober.refreshSoon();
    await advance(2900);
    assert.equal(health.isHealthy, true);
    await advance(300);
    assert.equal(health.state, 'unhealthy');
    prober.stop();
  });

  it('holds it against no backend when a question cannot be put to it', async () => {
    const { prober, world, health, advance } = start(['a']);
    await prober.start();
    for (const code of [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED]) {
      world.error = new StatusError(code, 'no such name');
      await advance(11_000);
      assert.equal(health.isHealthy, true);
    }
    // what the way there has to say is another thing
    world.error = new StatusError(Code.UNAVAILABLE, 'connection refused');
    await advance(6000);
    assert.equal(health.state, 'unhealthy');
    prober.stop();
  });

  it('looks at once when a connection was lost, but not again and again', async () => {
    const { prober, looks, health, advance } = start(['a']);
    await prober.start();
    looks.length = 0;
    health.lostConnection('reset');
    prober.refreshSoon();
    await advance(100);
    assert.ok(looks.length >= 2, looks.join());
    assert.equal(health.isHealthy, true);
    looks.length = 0;
    for (let i = 0; i < 5; i++) {
      health.lostConnection('reset');
      prober.refreshSoon();
      await advance(100);
    }
    assert.equal(looks.length, 0, looks.join());
    await advance(1000);
    assert.equal(health.isHealthy, true);
    prober.stop();
  });

  it('asks one question for all who want to know of a model at the same time', async () => {
    const { prober, looks } = start(['a']);
    await prober.start();
    looks.length = 0;
    await Promise.all([prober.look('a'), prober.look('a'), prober.look('a')]);
    assert.equal(looks.length, 1);
    prober.stop();
  });
});

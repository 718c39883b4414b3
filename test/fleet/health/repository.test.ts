/** When a backend is asked for its list of models, and what is kept of the answers, on a clock that tests move. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { type Listing, Repository } from '../../../src/fleet/health/repository.ts';
import { type FakeTime, fakeTime } from '../../support/fake-time.ts';

/** Of the test that runs. */
let time: FakeTime;

/** Lets everything that waits for no timer run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

const entry = (name: string, state = 'READY', version = '1') => ({ name, version, state, reason: '' });

function start() {
  let now = 0;
  const looks: number[] = [];
  const world = { up: false, answer: { models: [entry('a')] } as Listing | StatusError };
  const repository = new Repository({
    isUp: () => world.up,
    options: () => ({ intervalMs: 5000, fastIntervalMs: 1000 }),
    async list() {
      looks.push(now);
      if (world.answer instanceof StatusError) throw world.answer;
      return world.answer;
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
  const become = async (up: boolean): Promise<void> => {
    world.up = up;
    repository.hostChanged();
    await settle();
  };
  const names = (): string[] => repository.models.map(({ name }) => name);
  return { repository, looks, world, advance, become, names };
}

describe("a backend's list of models", () => {
  beforeEach((t) => {
    time = fakeTime(t as TestContext);
  });

  it('is asked for when the backend comes up, and every few seconds as long as it is', async () => {
    const { looks, world, become, advance, names } = start();
    await advance(3000);
    assert.deepEqual(looks, []);
    await become(true);
    assert.deepEqual(looks, [3000]);
    assert.deepEqual(names(), ['a']);
    world.answer = { models: [entry('a'), entry('b')] };
    await advance(5000);
    assert.deepEqual(looks, [3000, 8000]);
    assert.deepEqual(names(), ['a', 'b']);
    await become(false);
    await advance(20_000);
    assert.equal(looks.length, 2);
    // for those that say where it is down
    assert.deepEqual(names(), ['a', 'b']);
    await become(true);
    assert.equal(looks.length, 3);
  });

  it('is asked for sooner while a model loads, and when one has changed, but not twice in a second', async () => {
    const { repository, looks, world, become, advance } = start();
    world.answer = { models: [entry('a', 'LOADING')] };
    await become(true);
    await advance(1000);
    assert.deepEqual(looks, [0, 1000]);
    world.answer = { models: [entry('a')] };
    await advance(1000);
    assert.deepEqual(looks, [0, 1000, 2000]);
    repository.refreshSoon();
    repository.refreshSoon();
    await advance(900);
    assert.equal(looks.length, 3);
    await advance(100);
    assert.deepEqual(looks, [0, 1000, 2000, 3000]);
    await advance(4000);
    assert.equal(looks.length, 4);
  });

  it('stays as it was when the backend fails to say it, or says what is not taken', async () => {
    const { looks, world, become, advance, names } = start();
    await become(true);
    for (const answer of [
      new StatusError(Code.INTERNAL, 'broken', { fromBackend: true }),
      'not taken',
    ] as const) {
      world.answer = answer;
      await advance(5000);
      assert.deepEqual(names(), ['a']);
    }
    assert.equal(looks.length, 3);
    world.answer = { models: [entry('c')] };
    await advance(5000);
    assert.deepEqual(names(), ['c']);
  });

  it('is not asked for again where the server has none, before it was away', async () => {
    const { repository, looks, world, become, advance, names } = start();
    world.answer = 'no list';
    await become(true);
    repository.refreshSoon();
    await advance(60_000);
    assert.equal(looks.length, 1);
    assert.deepEqual(names(), []);
    await become(false);
    world.answer = { models: [entry('d')] };
    await become(true);
    assert.deepEqual(names(), ['d']);
  });

  it('tells the versions of each model, in the states that everybody knows', async () => {
    const { repository, world, become } = start();
    const models = [
      entry('a'),
      entry('a', 'UNAVAILABLE', '2'),
      entry('b', 'READY', 'v1.2'),
      entry('c', '', ''),
    ];
    world.answer = { models };
    await become(true);
    const shown = (name: string) =>
      repository.versions(name)?.map(({ version, state }) => `${version} ${state}`);
    assert.deepEqual(shown('a'), ['1 AVAILABLE', '2 END']);
    assert.deepEqual(shown('b'), ['1 AVAILABLE']);
    // in the repository, and not loaded
    assert.deepEqual(shown('c'), []);
    assert.equal(shown('d'), undefined);
    assert.deepEqual(repository.models, models);
  });
});

/** What every source of backends keeps to, as one kit of tests. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Source } from '../../../src/fleet/discovery/source.ts';
import { sleep, waitFor } from '../../support/index.ts';

/** A source and the thing that it asks, which the tests steer. */
export interface Harness {
  readonly source: Source;
  /** From now on these are the backends, as "host:port". */
  set(names: readonly string[]): void | Promise<void>;
  /** Questions fail from now on, until the next set(). */
  fail(): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** What a source told, in order. */
export interface Told {
  readonly sets: string[][];
  readonly problems: string[];
}

export function listen(source: Source): Told {
  const told: Told = { sets: [], problems: [] };
  source.start({
    onBackends: (backends) => void told.sets.push(backends.map(({ name }) => name)),
    onProblem: (message) => void told.problems.push(message),
  });
  return told;
}

const a = '127.0.0.1:8500';
const b = '127.0.0.2:8500';
const c = '127.0.0.3:8500';

/** @param quietMs long enough for the source to have asked again */
export function testSource(name: string, start: () => Promise<Harness>, quietMs: number): void {
  describe(`the source ${name}`, () => {
    let harness: Harness;
    afterEach(async () => {
      harness.source.stop();
      await harness.stop();
    });

    it('tells the whole set, and again only when it has changed', async () => {
      harness = await start();
      await harness.set([a, b]);
      const told = listen(harness.source);
      await waitFor(() => told.sets.length > 0, 20_000, 'the first set');
      assert.deepEqual(told.sets, [[a, b]]);
      await sleep(quietMs);
      assert.equal(told.sets.length, 1);
      await harness.set([b, c]);
      await waitFor(() => told.sets.length > 1, 20_000, 'the second set');
      assert.deepEqual(told.sets.at(-1), [b, c]);
    });

    it('keeps the last set while questions fail, says why once, and goes on when they do not', async () => {
      harness = await start();
      await harness.set([a, b]);
      const told = listen(harness.source);
      await waitFor(() => told.sets.length > 0, 20_000, 'the first set');
      await harness.fail();
      await waitFor(() => told.problems.length > 0, 20_000, 'the problem');
      await sleep(quietMs);
      assert.deepEqual(told.sets, [[a, b]]);
      assert.equal(told.problems.length, 1, told.problems.join('\n'));
      await harness.set([c]);
      await waitFor(() => told.sets.length > 1, 20_000, 'the set after the failure');
      assert.deepEqual(told.sets.at(-1), [c]);
    });

    it('tells the first set late when it could not be had at once', async () => {
      harness = await start();
      await harness.fail();
      const told = listen(harness.source);
      await waitFor(() => told.problems.length > 0, 20_000, 'the problem');
      assert.deepEqual(told.sets, []);
      await harness.set([a]);
      await waitFor(() => told.sets.length > 0, 20_000, 'the set');
      assert.deepEqual(told.sets, [[a]]);
    });

    it('tells nothing after it was stopped', async () => {
      harness = await start();
      await harness.set([a]);
      const told = listen(harness.source);
      await waitFor(() => told.sets.length > 0, 20_000, 'the first set');
      harness.source.stop();
      await harness.set([b]);
      await sleep(quietMs);
      assert.deepEqual(told, { sets: [[a]], problems: [] });
    });
  });
}

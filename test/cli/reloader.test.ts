/** Reloads without files and processes: what is told, what is watched, and what is tried again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reloader } from '../../src/cli/reloader.ts';
import { ConfigError, type Snapshot } from '../../src/config/index.ts';
import { ownReloads } from '../../src/gateway/index.ts';
import { manualClock } from '../support/index.ts';

const snapshot = (sources: Readonly<Record<string, string>>): Snapshot =>
  ({ sources: new Map(Object.entries(sources)) }) as unknown as Snapshot;

/** A configuration in a variable: the texts of its files, or what is wrong with them. */
function reloaderOf(first: Readonly<Record<string, string>>) {
  const { clock, advance } = manualClock(1000);
  const reloads = ownReloads(clock);
  let held: Readonly<Record<string, string>> | ConfigError = first;
  let applyFails: Error | undefined;
  let watched: { paths: readonly string[]; onChange: () => void } | undefined;
  const applied: unknown[] = [];
  const reloader = new Reloader(snapshot(first), {
    load() {
      if (held instanceof ConfigError) throw held;
      return snapshot(held);
    },
    async apply(next) {
      if (applyFails !== undefined) throw applyFails;
      applied.push(Object.fromEntries(next.sources));
    },
    reloads,
    watch(paths, onChange) {
      const own = { paths, onChange };
      watched = own;
      return () => {
        if (watched === own) watched = undefined;
      };
    },
  });
  return {
    reloader,
    reloads,
    advance,
    applied,
    write: (next: Readonly<Record<string, string>> | ConfigError): void => void (held = next),
    failToApply: (error: Error | undefined): void => void (applyFails = error),
    watched: (): readonly string[] => watched?.paths ?? [],
    change: (): void => watched?.onChange(),
  };
}
const mistake = (files: readonly string[] = []): ConfigError =>
  new ConfigError([{ path: 'nope', message: 'unknown key' }], files);
const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

describe('a reload', () => {
  it('of a changed file is applied, and what the files hold then is watched', async () => {
    const { reloader, reloads, advance, applied, write, watched, change } = reloaderOf({ a: '1' });
    reloader.begin();
    assert.deepEqual(watched(), ['a']);
    assert.deepEqual(applied, []);
    advance(500);
    write({ a: '2', cert: 'x' });
    change();
    await settled();
    assert.deepEqual(applied, [{ a: '2', cert: 'x' }]);
    assert.deepEqual(watched(), ['a', 'cert']);
    assert.deepEqual(reloads.status, { acceptedAt: 1500 });
  });

  it('that is refused is told to who asks and to all, until one works', async () => {
    const { reloader, reloads, advance, write } = reloaderOf({ a: '1' });
    reloader.begin();
    advance(500);
    write(mistake());
    await assert.rejects(reloader.reload(), /nope: unknown key/);
    assert.deepEqual(reloads.status, {
      acceptedAt: 1000,
      refused: { at: 1500, message: 'nope: unknown key' },
    });
    advance(500);
    write({ a: '3' });
    await reloader.reload();
    assert.deepEqual(reloads.status, { acceptedAt: 2000 });
  });

  it('that is refused has its files watched, too: the mistake may be in one that is not in force', async () => {
    const { reloader, applied, write, watched, change } = reloaderOf({ a: '1', old: 'x' });
    reloader.begin();
    write(mistake(['new']));
    change();
    await settled();
    assert.deepEqual(watched(), ['a', 'old', 'new']);
    write({ a: '2', new: 'y' });
    change();
    await settled();
    assert.deepEqual(applied, [{ a: '2', new: 'y' }]);
    assert.deepEqual(watched(), ['a', 'new']);
  });

  it('that cannot be applied is refused, too', async () => {
    const { reloader, reloads, write, failToApply, watched, change } = reloaderOf({ a: '1' });
    reloader.begin();
    failToApply(new Error('that needs a restart'));
    write({ a: '2', b: '1' });
    change();
    await settled();
    assert.equal(reloads.status.refused?.message, 'that needs a restart');
    assert.deepEqual(watched(), ['a', 'b']);
    failToApply(undefined);
    await reloader.reload();
    assert.equal(reloads.status.refused, undefined);
  });

  it('happens at once when the files are not what a start was given', async () => {
    const { reloader, applied, write } = reloaderOf({ a: '1' });
    write({ a: '2' });
    reloader.begin();
    await settled();
    assert.deepEqual(applied, [{ a: '2' }]);
  });

  it('of a worker that starts is no news when the others have been refused the same', async () => {
    const { reloader, reloads, advance, write } = reloaderOf({ a: '1' });
    reloads.refused('nope: unknown key');
    write(mistake());
    advance(60_000);
    reloader.begin();
    await settled();
    assert.deepEqual(reloads.status.refused, { at: 1000, message: 'nope: unknown key' });
  });

  it('is none any more after a stop', () => {
    const { reloader, watched } = reloaderOf({ a: '1' });
    reloader.begin();
    reloader.stop();
    assert.deepEqual(watched(), []);
  });
});

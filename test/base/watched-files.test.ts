/** Files that are watched: edits, replacements, several at once, and the end of the watch. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { watchFiles } from '../../src/base/watched-files.ts';
import { type FakeTime, fakeTime, turnsWithout } from '../support/index.ts';

const times = { intervalMs: 20, settleMs: 60 };

describe('watched files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-watch-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  /**
   * So many intervals, in each of which the files are looked at: a look takes no fake time, and is over before one of
   * ours.
   */
  async function pass(time: FakeTime, intervals: number): Promise<void> {
    for (let i = 0; i < intervals; i++) {
      time.advance(times.intervalMs);
      await stat(folder);
      await turnsWithout(() => time.passedMs, 10);
    }
  }
  async function passUntil(time: FakeTime, condition: () => boolean): Promise<void> {
    for (let i = 0; !condition(); i++) {
      assert.ok(i < 100, 'nothing is told');
      await pass(time, 1);
    }
  }

  it('tell of an edit and of a replacement, and of changes that belong together once', async (t) => {
    const time = fakeTime(t);
    const a = file('a', 'one');
    const b = file('b', 'one');
    let changes = 0;
    const stop = watchFiles([a, b], () => void changes++, times);
    await pass(time, 3);
    writeFileSync(a, 'two, longer');
    writeFileSync(b, 'two, longer');
    await passUntil(time, () => changes > 0);
    await pass(time, 10);
    assert.equal(changes, 1);
    renameSync(file('new', 'three'), a);
    await passUntil(time, () => changes === 2);
    stop();
    writeFileSync(a, 'four, after the watch');
    await pass(time, 10);
    assert.equal(changes, 2);
  });

  it('tell of a change that comes right behind the call, and of files that come and go', async (t) => {
    const time = fakeTime(t);
    const a = file('at-once', 'one');
    const later = join(folder, 'later');
    let changes = 0;
    const stop = watchFiles([a, later], () => void changes++, times);
    writeFileSync(a, 'two, longer');
    await passUntil(time, () => changes === 1);
    file('later', 'is there');
    await passUntil(time, () => changes === 2);
    rmSync(later);
    await passUntil(time, () => changes === 3);
    stop();
  });
});

/** Files that are watched: edits, replacements, several at once, and the end of the watch. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { watchFiles } from '../src/base/watched-files.ts';
import { sleep, waitFor } from './support/index.ts';

const times = { intervalMs: 20, settleMs: 60 };

describe('watched files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-watch-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('tell of an edit and of a replacement, and of changes that belong together once', async () => {
    const a = file('a', 'one');
    const b = file('b', 'one');
    let changes = 0;
    const stop = watchFiles([a, b], () => void changes++, times);
    await sleep(60);
    writeFileSync(a, 'two, longer');
    writeFileSync(b, 'two, longer');
    await waitFor(() => changes > 0);
    await sleep(150);
    assert.equal(changes, 1);
    renameSync(file('new', 'three'), a);
    await waitFor(() => changes === 2);
    stop();
    writeFileSync(a, 'four, after the watch');
    await sleep(150);
    assert.equal(changes, 2);
  });

  it('tell of a change that comes right behind the call, and of files that come and go', async () => {
    const a = file('at-once', 'one');
    const later = join(folder, 'later');
    let changes = 0;
    const stop = watchFiles([a, later], () => void changes++, times);
    writeFileSync(a, 'two, longer');
    await waitFor(() => changes === 1);
    file('later', 'is there');
    await waitFor(() => changes === 2);
    rmSync(later);
    await waitFor(() => changes === 3);
    stop();
  });
});

/** Backends in a file: replaced, half written, gone, and of the wrong kind. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readYaml } from '../../../src/config/index.ts';
import { fileSource, type FileOptions } from '../../../src/fleet/discovery/file.ts';
import { fixedSource } from '../../../src/fleet/discovery/fixed.ts';
import type { BackendAddress } from '../../../src/fleet/backend-address.ts';
import { fakeTime, waitFor } from '../../support/index.ts';
import { listen, testSource } from './compliance.ts';

function parseBackend(entry: unknown): BackendAddress | string {
  if (typeof entry !== 'string') return 'expected a text';
  const [host = '', port] = entry.split(':');
  return { name: entry, host, port: Number(port), api: 'tfs' };
}

const parseYaml = (text: string): unknown => readYaml(text, 'it');

const options = (path: string): FileOptions => ({
  kind: 'file',
  path,
  intervalMs: 20,
  parseBackend,
  parseYaml,
});

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'tensorgate-file-'));
}

testSource(
  'file',
  async () => {
    const dir = folder();
    const path = join(dir, 'backends.yaml');
    return {
      source: fileSource(options(path)),
      set: (names) => writeFileSync(path, JSON.stringify({ backends: names })),
      fail: () => rmSync(path, { force: true }),
      stop: () => rmSync(dir, { recursive: true }),
    };
  },
  300,
);

const keys = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}: 1\n`).join('');

describe('the source file', () => {
  const rounds: readonly [string, string, RegExp][] = [
    ['is empty', '', /holds no list of backends/],
    ['is cut off', 'backends: ["127.0.0.1:1', /./],
    ['holds another thing', 'models: {}', /holds no list of backends/],
    [
      'lists too many',
      JSON.stringify({ backends: Array.from({ length: 2001 }, (_, i) => `h:${i}`) }),
      /lists more than 2000/,
    ],
    [
      'has more keys than a file of backends can',
      `backends: []\n${keys(90_000)}`,
      /larger than 262144 bytes/,
    ],
    ['is too large', '#'.repeat(1_000_001), /larger than 1000000 bytes/],
    ['holds itself', 'backends: &a [*a]', /./],
    ['has aliases without end', `a:\n${'- &a x\n- *a\n'.repeat(1001)}`, /more than 1000 aliases/],
    ['has one wrong entry', '{"backends": ["127.0.0.1:1", 5]}', /backends\[1\]: expected a text/],
  ];
  for (const [what, text, problem] of rounds) {
    it(`keeps the last list when the file ${what}`, async () => {
      const dir = folder();
      const path = join(dir, 'backends.yaml');
      writeFileSync(path, 'backends: ["127.0.0.1:1"]');
      const source = fileSource(options(path));
      const told = listen(source);
      await waitFor(() => told.sets.length > 0);
      writeFileSync(path, text);
      await waitFor(() => told.problems.length > 0);
      source.stop();
      rmSync(dir, { recursive: true });
      assert.deepEqual(told.sets, [['127.0.0.1:1']]);
      assert.match(told.problems[0] ?? '', problem);
    });
  }

  it('takes an explicit empty list for what it says', async () => {
    const dir = folder();
    const path = join(dir, 'backends.yaml');
    writeFileSync(path, 'backends: ["127.0.0.1:1"]');
    const source = fileSource(options(path));
    const told = listen(source);
    await waitFor(() => told.sets.length > 0);
    writeFileSync(path, 'backends: []');
    await waitFor(() => told.sets.length > 1);
    source.stop();
    rmSync(dir, { recursive: true });
    assert.deepEqual(told.sets.at(-1), []);
  });

  it('sees a symbolic link that is swapped, as Kubernetes does with mounted files', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'one'), 'backends: ["127.0.0.1:1"]');
    writeFileSync(join(dir, 'two'), 'backends: ["127.0.0.1:2"]');
    const path = join(dir, 'backends.yaml');
    symlinkSync(join(dir, 'one'), path);
    const source = fileSource(options(path));
    const told = listen(source);
    await waitFor(() => told.sets.length > 0);
    symlinkSync(join(dir, 'two'), `${path}.new`);
    renameSync(`${path}.new`, path);
    await waitFor(() => told.sets.length > 1);
    source.stop();
    rmSync(dir, { recursive: true });
    assert.deepEqual(told.sets.at(-1), ['127.0.0.1:2']);
  });
});

describe('the source fixed', () => {
  it('tells its list at once, and nothing ever after', (t) => {
    const time = fakeTime(t);
    const backend = parseBackend('127.0.0.1:1') as BackendAddress;
    const told = listen(fixedSource([backend]));
    time.advance(60_000);
    assert.deepEqual(told, { sets: [['127.0.0.1:1']], problems: [] });
  });
});

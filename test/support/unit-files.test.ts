/** The choice of `npm run test:unit`: every folder and file is either in, or out for a reason that still holds. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { reasonAgainst, rooms, starters, themes, tooLong, unitFiles } from '../../scripts/unit-files.ts';

const root = join(import.meta.dirname, '..', '..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the choice of unit tests', () => {
  it('knows every folder of test/ as a room or as a theme', () => {
    const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      // answers of real servers, no tests
      .filter((name) => name !== 'recorded');
    const atTop = rooms.filter((room) => !room.includes('/'));
    assert.deepEqual(folders.sort(), [...atTop, ...themes].sort());
  });

  it('takes each test file of each room, or says why not', () => {
    const { run, left } = unitFiles(root);
    const chosen = [...run, ...left.keys()].sort();
    const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts'))
      .filter((path) => !path.includes('/') || rooms.some((room) => path.startsWith(`${room}/`)))
      .map((path) => `test/${path}`);
    assert.deepEqual(chosen, all.sort());
    assert.ok(run.length > 100, `${run.length} files`);
    assert.ok(run.includes('test/support/unit-files.test.ts'));
  });

  it('leaves out by name only what is there, and what no rule leaves out', () => {
    const named = [...tooLong.keys()];
    assert.deepEqual(
      named.filter((path) => reasonAgainst(path, textOf(`test/${path}`)) !== undefined),
      [],
    );
  });

  it('knows the helpers that start a program or a gateway by the names that they have', () => {
    const index = textOf('test/support/index.ts');
    assert.deepEqual(
      [...starters.keys()].filter((name) => !new RegExp(`\\b${name}\\b`).test(index)),
      [],
    );
  });

  const start = "from '../support/index.ts';\n";
  for (const [what, path, text, reason] of [
    ['a file that only stubs', 'call/a.test.ts', `import { manualClock, waitFor } ${start}`, undefined],
    [
      'a gateway',
      'front/a.test.ts',
      `import {\n  sleep,\n  startTestGateway,\n} ${start}`,
      /a whole gateway/,
    ],
    ['a helper that runs programs', 'wire/a.test.ts', `import { run } ${start}`, /a program \(run\)/],
    ['a program', 'codec/a.test.ts', "import { spawn } from 'node:child_process';", /starts a program/],
    ['a fuzzer by its name', 'codec/a.fuzz.test.ts', '', /fuzzer/],
    ['a fuzzer by its folder', 'wire/fuzz/a.test.ts', '', /fuzzer/],
    ['a test that names a helper in a comment', 'call/a.test.ts', '// startProcess, run', undefined],
  ] as const)
    it(`${reason === undefined ? 'takes' : 'leaves out'} ${what}`, () => {
      const got = reasonAgainst(path, text);
      if (reason === undefined) assert.equal(got, undefined);
      else assert.match(got ?? '', reason);
    });
});

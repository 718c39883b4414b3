/** Whatever bytes stand in a configuration file: a snapshot, or the list of what is wrong with it, and soon. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { ConfigError, loadSnapshot, type Snapshot } from '../../src/config/index.ts';

/** More of them for a long run: TENSORGATE_FUZZ_RUNS=100000. */
const numRuns = Number(process.env.TENSORGATE_FUZZ_RUNS ?? 300);
const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 20_261_125);

const valid = `
doors: { restPort: 0, grpcPort: 0, adminPort: 0 }
fleets:
  default:
    backends: ["tfs://127.0.0.1:8500", 'kserve://127.0.0.1:8001']
    concurrency: { maxInFlight: 12 }
  other: &other { backends: ["tfs://10.0.0.1:8500"] }
models:
  half_plus_two: { fleet: default }
  image: { fleet: other }
retry: { maxAttempts: 2 }
rateLimits:
  - { name: all, perSecond: 100, by: "header:x-tenant" }
limits: { memoryBytes: 100000000 }
cors: { origins: ["https://app.example"] }
`;

describe('a configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-fuzz-'));
  const path = join(folder, 'gateway.yaml');
  after(() => rmSync(folder, { recursive: true }));

  /** What becomes of such a file; anything but a ConfigError fails the test. */
  function load(content: string | Uint8Array): Snapshot | ConfigError {
    writeFileSync(path, content);
    try {
      return loadSnapshot(path, { backends: ['tfs://127.0.0.1:8500'] }, { NAME: 'value' });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      assert.ok(error.message.length > 0 && error.message.length < 100_000);
      return error;
    }
  }

  it('loads as it stands here, or the mutations below would say nothing', () => {
    const loaded = load(valid);
    assert.ok(!(loaded instanceof ConfigError), loaded instanceof ConfigError ? loaded.message : '');
  });

  it('of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void load(bytes)),
      { numRuns, seed },
    );
  });

  it('of random YAML', () => {
    const value = fc.anything({
      maxDepth: 4,
      key: fc.constantFrom(
        'doors',
        'fleets',
        'models',
        'default',
        'backends',
        'tls',
        '__proto__',
        'constructor',
        '',
      ),
      values: [
        fc.constantFrom('${NAME}', '${GONE}', '${NAME:-', 'tfs://', 'auto'),
        fc.integer(),
        fc.double(),
        fc.boolean(),
      ],
    });
    fc.assert(
      fc.property(value, (content) => void load(JSON.stringify(content) ?? '')),
      { numRuns, seed },
    );
  });

  it('that is right but for a few bytes', () => {
    const change = fc.record({ at: fc.nat(valid.length), drop: fc.nat(8), put: fc.string({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let text = valid;
        for (const { at, drop, put } of changes) text = text.slice(0, at) + put + text.slice(at + drop);
        load(text);
      }),
      { numRuns, seed },
    );
  });

  for (const [name, text] of [
    ['nested without end', `models: ${'['.repeat(50_000)}`],
    ['nested and closed', `models: ${'['.repeat(3000)}${']'.repeat(3000)}`],
    ['that contains itself', 'models: &a { b: *a }'],
    [
      'of aliases of aliases',
      `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefgh'.replace(/./g, (c, i: number) => `${c}: &${c} [${`*${'abcdefgh'[i] ?? ''}, `.repeat(9)}]\n`)}`,
    ],
    ['of many keys', Array.from({ length: 20_000 }, (_, i) => `key${i}: 1`).join('\n')],
    [
      'with keys of the language',
      '__proto__: { doors: 1 }\nconstructor: { prototype: 1 }\nfleets: { __proto__: { backends: [] } }',
    ],
    ['of other tags', 'doors: !!binary aGVsbG8=\nmodels: !!set { a, b }\nfleets: !<tag:x> {}'],
    ['of several documents', 'doors: {}\n---\ndoors: {}'],
  ] as const)
    it(name, () => {
      assert.ok(load(text) instanceof ConfigError);
    });
});

/** The schema that editors are given: it takes what `check` takes, and sees what is mistyped. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { loadSnapshot } from '../../src/config/index.ts';

const root = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const schema = JSON.parse(text('docs/tensorgate.schema.json')) as Record<string, unknown>;
const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
const errorsOf = (value: unknown): string[] =>
  validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);

/** The YAML in a document that looks like a part of a configuration. */
function examplesIn(path: string): unknown[] {
  const known = Object.keys(schema.properties as object);
  return [...text(path).matchAll(/^```yaml\n([^]*?)^```/gm)].flatMap(([, yaml = '']) => {
    // several ways to write one thing stand below each other
    const value = parse(yaml, { uniqueKeys: false }) as unknown;
    const isPart =
      typeof value === 'object' && value !== null && Object.keys(value).every((key) => known.includes(key));
    return isPart ? [value] : [];
  });
}

describe('the schema for editors', () => {
  it('takes the files that are deployed', () => {
    const path = fileURLToPath(new URL('deploy/tensorgate.yaml', root));
    assert.doesNotThrow(() => loadSnapshot(path, {}, {}));
    assert.deepEqual(errorsOf(parse(text('deploy/tensorgate.yaml'))), []);
    assert.deepEqual(errorsOf({}), []);
    assert.deepEqual(errorsOf({ fleets: { default: { backends: ['tfs://a:1'] } } }), []);
  });

  it('takes the examples of the documents', () => {
    const pages = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));
    const paths = ['README.md', ...pages.map((name) => `docs/${name}`)];
    const examples = paths.flatMap((path) => examplesIn(path).map((value) => [path, value] as const));
    assert.ok(examples.length >= 4, String(examples.length));
    for (const [path, value] of examples) assert.deepEqual(errorsOf(value), [], path);
  });

  it('sees keys and values that are none', () => {
    assert.deepEqual(errorsOf({ door: {} }), [' must NOT have additional properties']);
    assert.match(errorsOf({ doors: { restPort: '8000' } }).join(), /restPort must be integer/);
    assert.match(errorsOf({ rateLimits: [{ name: 'a' }] }).join(), /must have required property 'perSecond'/);
  });

  it('names itself, and each key', () => {
    assert.equal(schema.title, 'Tensorgate');
    assert.ok(typeof schema.$id === 'string' && URL.canParse(schema.$id));
    assert.equal((schema.properties as Record<string, { title: string }>).doors?.title, 'doors');
  });
});

/** What a gateway ships: the packages that its own files import, and no others. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
};

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(root, 'src', path), 'utf8') }));
const importing = (name: string): readonly string[] =>
  files.filter(({ text }) => new RegExp(`['"]${name}(/[^'"]*)?['"]`).test(text)).map(({ path }) => path);

describe('the dependencies of package.json', () => {
  for (const [name, version] of Object.entries(dependencies))
    it(`${name} is imported by src/, and pinned`, () => {
      assert.notDeepEqual(importing(name), []);
      assert.match(version, /^\d+\.\d+\.\d+$/);
    });

  for (const name of ['@grpc/grpc-js', 'jpeg-js', 'pngjs'])
    it(`${name} is the embedded model servers’ alone`, () => {
      assert.deepEqual(
        importing(name).filter((path) => !path.startsWith('demo/')),
        [],
      );
    });
});

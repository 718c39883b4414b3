/** The package of the web client: what is in it, and that a project of its user compiles and runs with it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/index.ts';
import { installWebClient, type WebClient } from '../support/web-package.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const versionIn = (file: string): string =>
  (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;

describe('@tensorgate/web', () => {
  let client: WebClient;
  before(async () => {
    client = await installWebClient();
  });
  after(() => {
    client.remove();
  });

  it('has modules, each with its types, and no source', () => {
    const loose = client.files.filter((file) => !file.startsWith('dist/'));
    assert.deepEqual([...loose].sort(), ['LICENSE', 'README.md', 'package.json']);
    const modules = client.files.filter((file) => file.endsWith('.js'));
    assert.ok(modules.includes('dist/index.js'));
    assert.deepEqual(
      client.files.filter((file) => file.startsWith('dist/')).sort(),
      modules.flatMap((file) => [file.replace(/js$/, 'd.ts'), file]),
    );
  });

  it('is of the gateway’s release', () => {
    assert.equal(versionIn(join(client.path, 'package.json')), versionIn(join(root, 'package.json')));
  });

  it('compiles and runs in a project that has nothing else', async () => {
    const file = join(client.project, 'uses.mts');
    writeFileSync(
      file,
      `import { connect, type Outputs, tensor } from '@tensorgate/web';
export const call = (): Promise<Outputs> => connect('http://127.0.0.1:1').model('m').predict({ x: tensor([1]) });
console.log(tensor([1, 2]).shape.join());\n`,
    );
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom'];
    const compiled = await run(join(root, 'node_modules/.bin/tsc'), [...options, '--types', '', file], {
      cwd: client.project,
    });
    assert.equal(compiled.code, 0, compiled.stdout);
    const { stdout, stderr } = await run(process.execPath, [file.replace('.mts', '.mjs')]);
    assert.equal(stdout, '2\n', stderr);
  });
});

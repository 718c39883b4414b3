/** The npm package as a user has it: packed, installed into an empty folder without a network, and asked. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  freePort,
  type ProcessResult,
  run,
  type RunningProcess,
  startProcess,
  waitFor,
} from '../support/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  readonly bundled: readonly string[];
}

const launcher = readFileSync(join(root, 'src/launch.cjs'), 'utf8');
const flags = /var flags = \[([^\]]*)\]/.exec(launcher)?.[1]?.match(/--[\w-]+(=\d+)?/g) as readonly string[];

// the one that runs the tests, and the machine's own: as old as the engines allow, where it is
const system = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path));
const nodes = [...new Set([process.execPath, ...(system === undefined ? [] : [system])])];

// what `npm test` tells its scripts would tell another npm where to install
const plain = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^npm_/i.test(name))
    .map((name) => [name, undefined]),
);

describe('the npm package', { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-package-'));
  const inside = join(folder, 'node_modules', 'tensorgate');
  let packed: Packed;
  let installed: ProcessResult;

  before(async () => {
    // dist is what `npm test` built before
    const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const { code, stdout, stderr } = await run('npm', args, { cwd: root, env: plain, timeoutMs: 120_000 });
    assert.equal(code, 0, stderr);
    // npm 12 names the packages, those before it list them
    packed = Object.values(JSON.parse(stdout) as Record<string, Packed>)[0] as Packed;
    writeFileSync(join(folder, 'package.json'), '{"private": true}');
    installed = await run(
      'npm',
      ['install', '--offline', '--cache', join(folder, 'cache'), `./${packed.filename}`],
      { cwd: folder, env: plain, timeoutMs: 200_000 },
    );
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is built before it is packed', () => {
    assert.equal(manifest.scripts.prepack, 'bash scripts/build.sh');
  });

  it('has what runs, and no source, map or mark of the build', () => {
    const own = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('node_modules/'));
    const loose = own.filter((path) => !path.startsWith('dist/'));
    assert.deepEqual(loose.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    assert.deepEqual(
      own.filter((path) => /\.map$|\.built$|(?<!\.d)\.ts$/.test(path)),
      [],
    );
  });

  it('keeps to its size', () => {
    const own = packed.files.filter(({ path }) => !path.startsWith('node_modules/'));
    const bytes = own.reduce((sum, { size }) => sum + size, 0);
    assert.ok(bytes < 2_700_000, `its own files: ${bytes} bytes`);
    assert.ok(packed.size < 8_500_000, `the archive, dependencies in it: ${packed.size} bytes`);
  });

  it('brings its dependencies, in the versions that were tested', () => {
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      const file = join(inside, 'node_modules', name, 'package.json');
      assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version, version, name);
    }
    assert.ok(!packed.bundled.includes('typescript'));
  });

  it('installs without a network, a cache or a warning', () => {
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stdout, /added 1 package/);
    assert.doesNotMatch(installed.stdout + installed.stderr, /warn/i);
  });

  it('tells a program its version, its command and its schema, and the compiler their types', async () => {
    writeFileSync(
      join(folder, 'uses.mts'),
      `import { command, version } from 'tensorgate';
const said: readonly [string, string] = [command, version];
process.stdout.write(JSON.stringify(said));\n`,
    );
    const tsc = join(root, 'node_modules/.bin/tsc');
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const types = ['--typeRoots', join(root, 'node_modules/@types')];
    const compiled = await run(tsc, [...options, ...types, join(folder, 'uses.mts')], { cwd: folder });
    assert.equal(compiled.code, 0, compiled.stdout);
    const { stdout } = await run(process.execPath, [join(folder, 'uses.mjs')]);
    assert.deepEqual(JSON.parse(stdout), [join(inside, 'dist/launch.cjs'), manifest.version]);
    assert.ok(existsSync(join(inside, 'dist/tensorgate.schema.json')));
  });

  it('tells a Node that is too old so in one line', async () => {
    const old = join(folder, 'old.cjs');
    writeFileSync(old, `Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } });`);
    const answer = await run(process.execPath, ['--require', old, join(inside, 'dist/launch.cjs'), 'serve']);
    assert.equal(answer.code, 1);
    assert.match(answer.stderr, /^tensorgate: needs Node 20\.19 or newer, and this is v[\d.]+\n$/);
  });

  it('gives the process the flags that bin/tensorgate and the image give', () => {
    assert.equal(flags.length, 4);
    for (const file of ['bin/tensorgate', 'Dockerfile'])
      for (const flag of flags)
        assert.ok(readFileSync(join(root, file), 'utf8').includes(flag), `${file}: ${flag}`);
  });

  for (const node of nodes)
    describe(`on ${node === process.execPath ? 'the Node of the tests' : 'the Node of the machine'}`, () => {
      const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
      const command = join(folder, 'node_modules', '.bin', 'tensorgate');
      let demo: RunningProcess;
      let rest = '';
      let admin = '';
      before(async () => {
        rest = String(await freePort());
        admin = String(await freePort());
        const ports = ['--rest-port', rest, '--grpc-port', String(await freePort()), '--admin-port', admin];
        const args = [command, 'demo', '--replicas', '1', ...ports];
        demo = await startProcess(node, args, { ready: /is serving/, readyTimeoutMs: 60_000, env });
      });
      after(() => demo.kill());

      it('predicts', async () => {
        const answer = await waitFor(async () => {
          const reply = await fetch(`http://127.0.0.1:${rest}/v1/models/half_plus_two:predict`, {
            method: 'POST',
            body: '{"instances":[1.0,5.0]}',
          });
          return reply.ok ? await reply.text() : undefined;
        });
        assert.equal(answer, '{"predictions":[2.5,4.5]}');
      });

      it('runs health, models and check beside it', async () => {
        const config = join(folder, 'gateway.yaml');
        writeFileSync(config, 'fleets:\n  default:\n    backends: [tfs://127.0.0.1:1]\n');
        const commands = [
          ['health', '--admin', `http://127.0.0.1:${admin}`],
          ['models', '--admin', `http://127.0.0.1:${admin}`],
          ['check', config],
          ['--version'],
        ];
        for (const args of commands) {
          const answer = await run(node, [command, ...args], { env });
          assert.equal(answer.code, 0, `${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
          assert.equal(answer.stderr, '', args.join(' '));
        }
      });

      it('ends in order, and warns of nothing', async () => {
        demo.signal('SIGTERM');
        assert.equal(await demo.exited, 0);
        assert.doesNotMatch(demo.output(), /warning/i);
      });
    });
});

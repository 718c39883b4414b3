/** The image's root file system, run as an engine would: as its only root, by a user without rights. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, run, startProcess, waitFor } from '../support/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Beyond Node and the libraries that it loads, in bytes. */
const budget = 60 * 2 ** 20;

const cannot =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'changing the root needs Linux and root'
    : existsSync('/usr/bin/cc')
      ? false
      : 'there is no C compiler';

describe('the image', { skip: process.env.CI === 'true' ? false : cannot, timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-image-'));
  const image = join(folder, 'root');
  const inside = (...command: readonly string[]): readonly string[] => [
    '--userspec=1000:1000',
    image,
    ...command,
  ];

  before(async () => {
    const { code, stderr } = await run('bash', ['scripts/image-root.sh', image], {
      cwd: root,
      timeoutMs: 180_000,
      env: { SOURCE_DATE_EPOCH: '1700000000' },
    });
    assert.equal(code, 0, stderr);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('has Node, the gateway and a health check, and no shell, npm or package manager', () => {
    assert.deepEqual(readdirSync(join(image, 'usr/local/bin')).sort(), ['healthcheck', 'node']);
    for (const path of ['bin/sh', 'bin/bash', 'usr/bin', 'usr/local/lib/node_modules', 'var/lib/dpkg'])
      assert.equal(existsSync(join(image, path)), false, path);
  });

  it('is no larger than its budget beyond Node', async () => {
    const { stdout } = await run('du', ['-sb', join(image, 'app')]);
    const bytes = Number(stdout.split('\t')[0]);
    assert.ok(bytes < budget, `${bytes} bytes`);
  });

  it('says what is in it: a CycloneDX bill of the packages that it brings, the same each time', () => {
    const text = readFileSync(join(image, 'app/sbom.cdx.json'), 'utf8');
    const bom = JSON.parse(text) as {
      readonly bomFormat: string;
      readonly serialNumber: string;
      readonly metadata: { readonly timestamp?: string; readonly component: { readonly name: string } };
      readonly components: readonly {
        readonly group?: string;
        readonly name: string;
        readonly version: string;
      }[];
    };
    assert.equal(bom.bomFormat, 'CycloneDX');
    assert.match(
      bom.serialNumber,
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.equal(bom.metadata.timestamp, undefined);
    assert.equal(bom.metadata.component.name, 'tensorgate');
    const listed = new Set(
      bom.components.map(
        ({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name}@${version}`,
      ),
    );
    const modules = join(image, 'app/node_modules');
    const packages = readdirSync(modules)
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) =>
        name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
      );
    assert.ok(packages.length > 30, `${packages.length} packages`);
    for (const name of packages) {
      const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as {
        version: string;
      };
      assert.ok(listed.has(`${name}@${version}`), `${name}@${version}`);
    }
    const names = bom.components.map(({ name }) => name);
    for (const name of ['fastify', 'undici', 'ioredis']) assert.ok(names.includes(name), name);
    for (const name of ['typescript', 'eslint', 'vitepress']) assert.ok(!names.includes(name), name);
  });

  it('serves, is healthy by its own check, and drains on SIGTERM, as a user without rights', async () => {
    const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()];
    const entry = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '';
    const serve = [
      ...(JSON.parse(entry) as string[]),
      'serve',
      '--host=127.0.0.1',
      `--rest-port=${rest}`,
      `--grpc-port=${grpc}`,
      `--admin-port=${admin}`,
      '--backend=tfs://127.0.0.1:1',
    ];
    const check = () => run('chroot', inside('/usr/local/bin/healthcheck', String(admin)));
    const before = await check();
    assert.equal(before.code, 1, 'nobody listens yet');
    const gateway = await startProcess('chroot', inside(...serve), { ready: /is serving/ });
    let code: number | null;
    try {
      await waitFor(async () => (await check()).code === 0, 20_000, 'the health check');
      const answer = await fetch(`http://127.0.0.1:${rest}/v1/models/m:predict`, {
        method: 'POST',
        body: '{}',
      });
      assert.equal(answer.status, 503);
    } finally {
      code = await gateway.stop(20_000);
    }
    assert.equal(code, 0);
    const wrong = await run('chroot', inside('/usr/local/bin/healthcheck', '99999'));
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /99999 is no port/);
  });
});

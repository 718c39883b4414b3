/** `tensorgate health` at gateways with and without TLS, and what a TLS door says to plain HTTP. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort, makeCertificates, run, startTestGateway, type TestGateway } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const health = (...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, [main, 'health', ...args]);

async function start(t: TestContext, tls: object | undefined): Promise<[TestGateway, file: string]> {
  const config = {
    doors: { host: '127.0.0.1', adminPort: await freePort(), ...(tls === undefined ? {} : { tls }) },
    fleets: { default: { backends: ['tfs://127.0.0.1:1'] } },
  };
  const gateway = await startTestGateway([], config, { backends: undefined, adminPort: undefined });
  t.after(() => gateway.stop());
  const file = join(mkdtempSync(join(tmpdir(), 'tensorgate-health-')), 'gateway.yaml');
  writeFileSync(file, stringify(config));
  return [gateway, file];
}

/** All that a port says to a request in plain HTTP. */
function plainly(address: string): Promise<string> {
  return new Promise((resolve) => {
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host, () =>
      socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n'),
    );
    let text = '';
    socket
      .on('data', (chunk) => (text += chunk.toString()))
      .on('error', () => undefined)
      .on('close', () => {
        resolve(text);
      });
  });
}

describe('tensorgate health', () => {
  for (const [name, names] of [
    ['without TLS', undefined],
    ['with TLS', { cert: 'server.pem', key: 'server.key' }],
    ['with client certificates', { cert: 'server.pem', key: 'server.key', clientCa: 'ca.pem' }],
  ] as const)
    it(`${name}: tells life by its exit code, asked as the configuration says`, async (t) => {
      const path = names === undefined ? undefined : await makeCertificates('server');
      const tls =
        names === undefined
          ? undefined
          : Object.fromEntries(Object.entries(names).map(([key, value]) => [key, path?.(value)]));
      const [gateway, file] = await start(t, tls);
      const alive = await health('--config', file);
      assert.equal(alive.code, 0, alive.stderr);
      if (names === undefined) {
        const ready = await health('--config', file, '--ready');
        assert.equal(ready.code, 1);
        assert.match(ready.stderr, /^tensorgate: HTTP status 503: .*no backend is available/s);
        return;
      }
      const wrong = await health('--admin', gateway.admin);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /HTTP status 400: .*this port speaks TLS/);
      for (const door of [gateway.rest, gateway.grpc, gateway.admin])
        assert.match(
          await plainly(door),
          /^HTTP\/1\.1 400 Bad Request\r\n.*this port speaks TLS: ask it with https/s,
        );
    });
});

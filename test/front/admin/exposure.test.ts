/** An operator is told when clients can reach the admin door. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exposureOf } from '../../../src/front/admin/exposure.ts';
import { freePort, startTestGateway, waitFor } from '../../support/index.ts';

const certificates = { cert: 'c', key: 'k' };

describe('an admin door that clients can reach', () => {
  for (const [host, clientHost, tls, told] of [
    ['0.0.0.0', '0.0.0.0', undefined, true],
    ['::', '::', undefined, true],
    ['0.0.0.0', '127.0.0.1', undefined, true],
    ['203.0.113.7', '203.0.113.7', undefined, true],
    ['0.0.0.0', '0.0.0.0', certificates, true],
    ['0.0.0.0', '0.0.0.0', { ...certificates, clientCa: 'ca' }, false],
    ['127.0.0.1', '0.0.0.0', undefined, false],
    ['127.9.9.9', '127.9.9.9', undefined, false],
    ['::1', '::', undefined, false],
    ['localhost', 'localhost', undefined, false],
    ['10.0.0.5', '0.0.0.0', undefined, false],
  ] as const) {
    it(`${host} beside ${clientHost}${tls === undefined ? '' : ' over TLS'}: ${told ? 'a line' : 'none'}`, () => {
      const text = exposureOf({ host, port: 8001, tls }, { adminActions: false, clientHost });
      assert.equal(text !== undefined, told);
      if (told) assert.match(String(text), /8001.*doors\.adminHost.*--admin-port 0/);
    });
  }

  it('says it when operators may drain there', () => {
    const admin = { host: '0.0.0.0', port: 8001, tls: undefined };
    assert.match(
      String(exposureOf(admin, { adminActions: true, clientHost: '0.0.0.0' })),
      /may drain backends/,
    );
  });

  it('is one line of the log at the start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'exposure-'));
    const lines = (name: string): Record<string, unknown>[] =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const [name, host] of [
      ['all', '0.0.0.0'],
      ['loopback', '127.0.0.1'],
    ] as const) {
      const config = { telemetry: { logLevel: 'info' } };
      const nobody = [`tfs://127.0.0.1:${await freePort()}`];
      const gateway = await startTestGateway(nobody, config, { host }, join(folder, name));
      // the end is in the log, so all that came before is
      await gateway.gateway.drain();
      await waitFor(() => lines(name).some(({ msg }) => msg === 'draining'), 5000, 'the end');
      const told = lines(name).filter(({ msg }) => String(msg).startsWith('the admin door listens'));
      assert.deepEqual(
        told.map(({ level }) => level),
        host === '0.0.0.0' ? ['warn'] : [],
      );
    }
    rmSync(folder, { recursive: true });
  });
});

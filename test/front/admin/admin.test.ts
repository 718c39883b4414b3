/** The admin door over real HTTP: probes, metrics, fleet and configuration, always JSON where a machine reads it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type AdminDoor, createAdminDoor } from '../../../src/front/admin/index.ts';

describe('the admin door', () => {
  let server: Server;
  let door: AdminDoor;
  let state = { ok: false, reason: 'starting' };
  let metrics = async (): Promise<string> => 'm_total 1\n';
  let base: string;
  before(async () => {
    door = createAdminDoor({
      version: '1.2.3',
      render: async () => ({
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: await metrics(),
      }),
      fleets: () => [
        {
          name: 'default',
          backends: [{ name: '127.0.0.1:8500', inFlight: 2, latencies: new Map([['m', 1.5]]) }],
          models: [
            {
              name: 'm',
              versions: [{ version: 9007199254740993n, state: 'AVAILABLE' }],
              backends: 1,
              available: 1,
            },
          ],
        },
      ],
      ready: () => state,
      config: () => ({
        cache: {
          url: 'redis://user:hunter2@redis:6379/0',
          password: 'hunter2',
          keyPrefix: 'tg',
          ttlMs: 60000,
        },
        tls: [{ keyFile: '/etc/tls/key.pem', privateKey: 'hunter2', apiKeys: ['hunter2'] }],
        auth: new Map([['token', 'hunter2']]),
        tokenLimit: 5,
        secretUnset: '',
      }),
    });
    await door.ready();
    server = createServer((request, response) => door.handle(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await door.close();
  });
  const get = async (path: string, init?: RequestInit): Promise<[number, unknown, Headers]> => {
    const response = await fetch(base + path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return [response.status, isJson && text !== '' ? JSON.parse(text) : text, response.headers];
  };

  it('is alive whatever its readiness, and says why it is not ready', async () => {
    assert.deepEqual((await get('/readyz')).slice(0, 2), [503, { ready: false, reason: 'starting' }]);
    assert.equal((await get('/healthz'))[0], 200);
    state = { ok: true, reason: '' };
    assert.deepEqual((await get('/readyz')).slice(0, 2), [200, { ready: true }]);
    state = { ok: false, reason: 'draining' };
    assert.deepEqual((await get('/readyz'))[1], { ready: false, reason: 'draining' });
    assert.equal((await get('/readyz', { method: 'HEAD' }))[0], 503);
  });

  it('serves the metrics as they were rendered', async () => {
    const [status, body, headers] = await get('/metrics');
    assert.equal(status, 200);
    assert.equal(body, 'm_total 1\n');
    assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  it('shows the fleet with 64-bit versions intact', async () => {
    const [, body] = await get('/api/fleet');
    assert.deepEqual(body, {
      fleets: [
        {
          name: 'default',
          backends: [{ name: '127.0.0.1:8500', inFlight: 2, latencies: { m: 1.5 } }],
          models: [
            {
              name: 'm',
              versions: [{ version: '9007199254740993', state: 'AVAILABLE' }],
              backends: 1,
              available: 1,
            },
          ],
        },
      ],
    });
  });

  it('shows the configuration without its secrets', async () => {
    const [, body] = await get('/api/config');
    assert.deepEqual(body, {
      cache: { url: 'redis://***@redis:6379/0', password: '***', keyPrefix: 'tg', ttlMs: 60000 },
      tls: [{ keyFile: '/etc/tls/key.pem', privateKey: '***', apiKeys: '***' }],
      auth: { token: '***' },
      tokenLimit: 5,
      secretUnset: '',
    });
  });

  it('answers what it does not know in JSON, and hides what broke', async () => {
    assert.equal((await get('/nothing'))[0], 404);
    const [status, body, headers] = await get('/healthz', { method: 'POST', body: 'x' });
    assert.deepEqual(
      [status, body, headers.get('allow')],
      [405, { error: 'this path takes GET' }, 'GET, HEAD'],
    );
    assert.equal((await get('/%E0%A4%A'))[0], 400);
    metrics = () => Promise.reject(new Error('hunter2'));
    assert.deepEqual((await get('/metrics')).slice(0, 2), [500, { error: 'internal error of the gateway' }]);
    assert.match(String((await get('/'))[1]), /\/readyz/);
    assert.equal(((await get('/api/version'))[1] as { version: string }).version, '1.2.3');
  });
});

/** The admin door over real HTTP: probes, metrics, fleet and configuration, always JSON where a machine reads it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type AdminServer, createAdminServer } from '../../../src/front/index.ts';
import { run, waitFor } from '../../support/index.ts';

describe('the admin door', () => {
  let server: Server;
  let door: AdminServer;
  let state = { ok: false, reason: 'starting' };
  let metrics = async (): Promise<string> => 'm_total 1\n';
  let base: string;
  const points: object[] = [];
  const changes: unknown[] = [];
  let publicUrl: { url?: string } = {};
  let refusedReload: { at: number; message: string } | undefined;
  const page = { type: 'text/html', body: Buffer.from('<p>page'), gzip: gzipSync('<p>page'), etag: '"e"' };
  before(async () => {
    door = createAdminServer({
      version: '1.2.3',
      render: async () => ({
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: await metrics(),
      }),
      fleets: () => [
        {
          name: 'default',
          isDefault: true,
          backends: [{ name: '127.0.0.1:8500', inFlight: 2, latencies: new Map([['m', 1.5]]) }],
          models: [
            {
              name: 'm',
              asked: ['m'],
              versions: [{ version: 9007199254740993n, state: 'AVAILABLE' }],
              backends: 1,
              available: 1,
            },
          ],
        },
      ],
      ready: () => state,
      refusedReload: () => refusedReload,
      config: () => ({
        cache: {
          url: 'redis://user:hun@ter2@redis:6379/0',
          mirror: 'rediss://redis/0?password=hunter2&x=1',
          password: 'hunter2',
          keyPrefix: 'tg',
          ttlMs: 60000,
        },
        rules: [
          { header: 'x-api-key', value: 'hunter2', model: 'm' },
          { header: 'x-color', value: 'red' },
        ],
        tls: [{ keyFile: '/etc/tls/key.pem', privateKey: 'hunter2', apiKeys: ['hunter2'] }],
        auth: new Map([['token', 'hunter2']]),
        tokenLimit: 5,
        secretUnset: '',
      }),
      traffic: { tick: (at) => points.push({ at }), points, totals: () => ({ calls: points.length }) },
      docs: { isThere: false, find: () => undefined },
      page: () =>
        new Map([
          ['/', page],
          ['/assets/x.js', page],
        ]),
      clientListener: () => ({ port: 8000, tls: false, ...publicUrl }),
      names: () => ['gw.example', 'A'],
      setDrained:
        () =>
        (...change) => {
          changes.push(change);
          return change[1] === '127.0.0.1:8500';
        },
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

  it('says beside its readiness, and on the page, why a reload is refused', async () => {
    state = { ok: true, reason: '' };
    refusedReload = { at: Date.UTC(2026, 10, 30), message: 'a: wrong\nb: redis://u:hunter2@h wrong' };
    const [status, body] = await get('/readyz');
    assert.equal(status, 200);
    assert.deepEqual(body, {
      ready: true,
      refusedReload: { at: '2026-11-30T00:00:00.000Z', reason: 'a: wrong\nb: redis://***@h wrong' },
    });
    const foreign = await run('curl', ['-s', '-H', 'host: evil.example', `${base}/readyz`]);
    assert.deepEqual(JSON.parse(foreign.stdout), { ready: true });
    const events = await fetch(`${base}/api/events`);
    const reader = events.body!.getReader();
    let text = '';
    while (!text.includes('event: state')) text += Buffer.from((await reader.read()).value ?? []).toString();
    await reader.cancel();
    assert.match(text, /"refusedReload":\{"at":"2026-11-30T00:00:00\.000Z","reason":"a: wrong/);
    refusedReload = undefined;
    assert.deepEqual((await get('/readyz'))[1], { ready: true });
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
          isDefault: true,
          backends: [{ name: '127.0.0.1:8500', inFlight: 2, latencies: { m: 1.5 } }],
          models: [
            {
              name: 'm',
              asked: ['m'],
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
      cache: {
        url: 'redis://***@redis:6379/0',
        mirror: 'rediss://redis/0?password=***&x=1',
        password: '***',
        keyPrefix: 'tg',
        ttlMs: 60000,
      },
      rules: [
        { header: 'x-api-key', value: '***', model: 'm' },
        { header: 'x-color', value: 'red' },
      ],
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

  it('shows the page to a browser and a list to a terminal, and only what changed a second time', async () => {
    const [status, body, headers] = await get('/', { headers: { accept: 'text/html,*/*' } });
    assert.deepEqual([status, body, headers.get('etag')], [200, '<p>page', '"e"']);
    assert.equal(headers.get('content-encoding'), 'gzip');
    assert.equal(headers.get('cache-control'), 'no-cache');
    assert.match(String((await get('/'))[1]), /\/readyz/);
    const again = await get('/assets/x.js?1', { headers: { 'if-none-match': '"e"' } });
    assert.deepEqual([again[0], again[1]], [304, '']);
    assert.equal((await get('/assets/../x.js'))[0], 404);
    assert.equal((await get('/assets/nothing.js'))[0], 404);
  });

  it('is shown by its own names only: another one may be a page that lets its name point here', async () => {
    const ask = async (path: string, host: string, ...more: string[]): Promise<[number, string]> => {
      const { stdout } = await run('curl', [
        '-s',
        '-w',
        '\n%{http_code}',
        '-H',
        `Host: ${host}`,
        ...more,
        base + path,
      ]);
      const [, body = '', status = ''] = /^([^]*)\n(\d+)$/.exec(stdout) ?? [];
      return [Number(status), body];
    };
    const paths = [
      '/',
      '/api/config',
      '/api/fleet',
      '/api/version',
      '/api/events',
      '/assets/x.js',
      '/nothing',
    ];
    for (const host of [
      'evil.example',
      'evil.example:8001',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'x y',
      '[evil]',
    ])
      for (const path of paths) {
        const [status, body] = await ask(
          path,
          host,
          '-H',
          `Origin: http://${host}`,
          '-H',
          'Sec-Fetch-Site: same-origin',
        );
        assert.equal(status, 403, `${host} ${path}`);
        assert.match(body, /^\{\n "error": "this door has no such name: .*doors\.adminNames/);
      }
    for (const host of [
      'localhost',
      'LOCALHOST:8001',
      'gw.example.',
      'GW.example:1',
      'a',
      '10.1.2.3:8001',
      '[::1]:8001',
    ])
      assert.equal((await ask('/api/config', host))[0], 200, host);
    // what kubelets and Prometheus ask
    metrics = async () => 'm_total 1\n';
    for (const path of ['/healthz', '/readyz', '/metrics?x=1'])
      assert.notEqual((await ask(path, 'gateway.models.svc'))[0], 403, path);
    const drain = ['-H', 'Content-Type: application/json', '-d', '{"drained": true}'];
    const path = '/api/fleets/default/backends/127.0.0.1:8500';
    const evil = ['-H', 'Origin: http://evil.example', '-H', 'Sec-Fetch-Site: same-origin'];
    assert.equal((await ask(path, 'evil.example', ...evil, ...drain))[0], 403);
    assert.deepEqual(changes, []);
    assert.equal((await ask(path, 'gw.example', ...drain))[0], 200);
    assert.equal(changes.splice(0).length, 1);
  });

  it('lets the page talk to the gateway and to nobody else, whatever host it was asked by', async () => {
    const policy = async (host: string): Promise<string> => {
      const { stdout } = await run('curl', [
        '-s',
        '-D',
        '-',
        '-H',
        `Host: ${host}`,
        '-H',
        'Accept: text/html',
        base,
      ]);
      return /content-security-policy: (.*)/i.exec(stdout)?.[1]?.trim() ?? '';
    };
    assert.match(await policy('gw.example:8001'), /connect-src 'self' http:\/\/gw\.example:8000;/);
    assert.match(await policy('[::1]:8001'), /connect-src 'self' http:\/\/\[::1\]:8000;/);
    assert.equal(await policy("x; script-src 'unsafe-inline'"), '');
    assert.match(await policy('a'), /default-src 'none'; script-src 'self';.*frame-ancestors 'none'/);
    publicUrl = { url: 'https://models.example/v/' };
    assert.match(await policy('a'), /connect-src 'self' https:\/\/models\.example;/);
    publicUrl = {};
  });

  it('streams the state every second, to so many pages and no more', async () => {
    const controllers = Array.from({ length: 33 }, () => new AbortController());
    const answers = await Promise.all(
      controllers.map(({ signal }) => fetch(`${base}/api/events`, { signal })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array<number>(32).fill(200), 503]);
    const open = answers.find(({ status }) => status === 200) as Response;
    assert.equal(open.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of open.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk);
      if (text.split('event: state').length > 2) break;
    }
    assert.match(
      text,
      /^retry: 2000\n\nevent: hello\ndata: \{"version":"1\.2\.3".*"webUrl":"http:\/\/127\.0\.0\.1:8000"/,
    );
    assert.match(text, /event: state\ndata: \{"at":\d+,.*"version":"9007199254740993".*\}\n\n/);
    for (const controller of controllers) controller.abort();
    await waitFor(async () => {
      const controller = new AbortController();
      const { status } = await fetch(`${base}/api/events`, { signal: controller.signal });
      controller.abort();
      return status === 200;
    });
  });

  it('drains a backend for the dashboard, and for nobody that another page could be', async () => {
    const drain = async (
      body: string,
      headers: Record<string, string>,
      backend = '127.0.0.1:8500',
    ): Promise<[number, unknown]> => {
      const path = `/api/fleets/default/backends/${encodeURIComponent(backend)}`;
      const [status, answer] = await get(path, { method: 'POST', body, headers });
      return [status, answer];
    };
    const json = { 'content-type': 'application/json' };
    const yes = '{"drained": true}';
    assert.deepEqual(await drain(yes, { ...json, origin: base }), [
      200,
      { fleet: 'default', backend: '127.0.0.1:8500', drained: true },
    ]);
    assert.deepEqual(changes.splice(0), [['default', '127.0.0.1:8500', true]]);
    for (const headers of [
      { 'content-type': 'text/plain' },
      { ...json, origin: 'http://evil.example' },
      { ...json, origin: 'null' },
      { ...json, 'sec-fetch-site': 'cross-site' },
    ])
      assert.equal((await drain(yes, headers))[0], 403, JSON.stringify(headers));
    assert.ok(
      [415, 403].includes((await drain(yes, { 'content-type': 'application/x-www-form-urlencoded' }))[0]),
    );
    assert.deepEqual(changes, []);
    assert.equal((await drain('{"drained": 1}', json))[0], 400);
    assert.equal((await drain('{', json))[0], 400);
    assert.equal((await drain(`{"drained": true, "x": "${'x'.repeat(2000)}"}`, json))[0], 413);
    assert.deepEqual(await drain(yes, json, 'nobody:1'), [
      404,
      { error: 'fleet default has no backend nobody:1' },
    ]);
  });
});

/**
 * What a reload does with each setting of the doors, logs and limits: it holds for new connections, or the reload is
 * refused whole.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { configSchema, loadSnapshot } from '../../src/config/index.ts';
import { gatewayOptions } from '../../src/gateway/from-config/from-config.ts';
import { type Gateway, startGateway } from '../../src/gateway/lifecycle.ts';
import { freePort, makeCertificates, run, waitFor } from '../support/index.ts';

type Section = Record<string, unknown>;
type Config = Record<string, Section | number | string>;

const folder = mkdtempSync(join(tmpdir(), 'tensorgate-reload-'));
const file = join(folder, 'gateway.yaml');
const log = join(folder, 'log');
let pem: (name: string) => string;
let gateway: Gateway;
let base: Config;
const port = (door: 'rest' | 'admin'): number => gateway.addresses[door]?.port ?? 0;

/** The base with more in its sections. */
function withMore(more: Config): Config {
  const merged: Config = { ...base };
  for (const [name, value] of Object.entries(more))
    merged[name] = typeof value === 'object' ? { ...(merged[name] as Section | undefined), ...value } : value;
  return merged;
}

function options(config: Config) {
  writeFileSync(file, stringify(config));
  const made = gatewayOptions(loadSnapshot(file, {}, {}), '0.0.0');
  return { ...made, telemetry: { ...made.telemetry, log: { ...made.telemetry.log, destination: log } } };
}

const reload = (more: Config): Promise<void> => gateway.reload(options(withMore(more)));

before(async () => {
  pem = await makeCertificates('door', 'client');
  base = {
    doors: { host: '127.0.0.1', restPort: 0, grpcPort: 0, adminPort: await freePort() },
    fleets: { default: { backends: ['tfs://127.0.0.1:1'] }, http: { backends: ['http://127.0.0.1:1'] } },
    shutdown: { graceMs: 60_000, drainMs: 60_000 },
  };
  gateway = await startGateway(options(base), { version: '0.0.0' });
});
after(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true });
});

const get = async (path: string, headers: Record<string, string> = {}): Promise<string> => {
  const url = `http://127.0.0.1:${port('admin')}${path}`;
  const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return (await run('curl', ['-s', ...flags, url])).stdout;
};

/** A connection to the REST door that has sent a text. */
function open(text = ''): Socket {
  const socket = connect(port('rest'), '127.0.0.1').on('error', () => undefined);
  if (text !== '') socket.write(text);
  socket.resume();
  return socket;
}
/** The first that comes back for a text. */
async function talk(text: string): Promise<string> {
  const socket = connect(port('rest'), '127.0.0.1').on('error', () => undefined);
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString('latin1');
}
/** Whatever error comes before it. */
const closed = (socket: Socket): Promise<unknown> =>
  socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));
const list = 'GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n';

async function settingsShown(): Promise<Record<string, unknown>> {
  const session = connectHttp2(`http://127.0.0.1:${port('rest')}`);
  await once(session, 'remoteSettings');
  // the window of the connection follows the settings
  await waitFor(() => (session.state.remoteWindowSize ?? 0) > 65_535);
  const { maxConcurrentStreams, maxHeaderListSize, initialWindowSize } = session.remoteSettings;
  const { remoteWindowSize } = session.state;
  session.destroy();
  return { maxConcurrentStreams, maxHeaderListSize, initialWindowSize, remoteWindowSize };
}

const lines = (): string => readFileSync(log, 'utf8');
const door = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port('rest')}${path}`);

/** A value to change to, and how it shows that it holds. */
const applied: Readonly<Record<string, readonly [value: unknown, holds: () => Promise<void>]>> = {
  'doors.adminActions': [
    true,
    async () => {
      const url = `http://127.0.0.1:${port('admin')}/api/fleets/default/backends/x`;
      const headers = { 'content-type': 'application/json' };
      assert.equal((await fetch(url, { method: 'POST', headers, body: '{"drained": true}' })).status, 404);
    },
  ],
  'doors.adminNames': [
    ['gw.example'],
    async () => assert.match(await get('/api/version', { host: 'gw.example' }), /"version"/),
  ],
  'doors.publicUrl': [
    'https://models.example',
    async () => assert.match(await get('/api/version'), /"webUrl": "https:\/\/models\.example"/),
  ],
  'doors.headersTimeoutMs': [100, async () => void (await closed(open()))],
  'doors.bodyTimeoutMs': [
    100,
    async () =>
      void (await closed(
        open('POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{'),
      )),
  ],
  // the same pace as bodyTimeoutMs
  'doors.minBodyBytesPerSecond': [1000, async () => {}],
  // the same times as idleTimeoutMs
  'doors.writeTimeoutMs': [1000, async () => {}],
  'doors.idleTimeoutMs': [
    100,
    async () => {
      const session = connectHttp2(`http://127.0.0.1:${port('rest')}`);
      await once(session, 'close');
    },
  ],
  'doors.keepAliveTimeoutMs': [100, async () => void (await closed(open(list)))],
  'doors.maxConnections': [
    1,
    async () => {
      const [one, two] = [open(list), open(list)];
      await Promise.race([closed(one), closed(two)]);
      one.destroy();
      two.destroy();
    },
  ],
  'doors.maxConnectionsPerAddress': [
    1,
    async () => {
      const [one, two] = [open(list), open(list)];
      await Promise.race([closed(one), closed(two)]);
      one.destroy();
      two.destroy();
    },
  ],
  'doors.trustedProxies': [
    ['127.0.0.1'],
    async () => {
      // an address that is left out of the bound by address, which the first part of the configuration sets
      await reload({ doors: { maxConnectionsPerAddress: 1, trustedProxies: ['127.0.0.1'] } });
      const both = [open(list), open(list)];
      await Promise.all(both.map((socket) => once(socket, 'data')));
      for (const socket of both) socket.destroy();
    },
  ],
  'doors.forwardedHeader': [
    'none',
    async () => {
      const doors = { trustedProxies: ['127.0.0.1'], forwardedHeader: 'forwarded' };
      await reload({ doors, telemetry: { accessLog: 'all' } });
      await fetch(`http://127.0.0.1:${port('rest')}/v1/models/m`, {
        headers: { forwarded: 'for=192.0.2.7' },
      });
      await waitFor(() => lines().includes('"peer":"192.0.2.7'));
    },
  ],
  'doors.proxyProtocol': [
    false,
    async () => {
      await reload({ doors: { proxyProtocol: true, trustedProxies: ['127.0.0.1'] } });
      assert.match(await talk(`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${list}`), /^HTTP\/1\.1 200 /);
      await closed(open(list));
    },
  ],
  'http2.maxConcurrentStreams': [
    7,
    async () => assert.equal((await settingsShown()).maxConcurrentStreams, 7),
  ],
  'http2.maxHeaderListBytes': [
    8192,
    async () => {
      assert.equal((await settingsShown()).maxHeaderListSize, 8192);
      // HEAD is node:http's
      assert.match(await talk(`HEAD / HTTP/1.1\r\nHost: x\r\nx-long: ${'a'.repeat(9000)}\r\n\r\n`), / 431 /);
    },
  ],
  'http2.maxHeaderFields': [
    20,
    async () => {
      const fields = Array.from({ length: 30 }, (_, i) => [`x-${i}`, 'y'] as const);
      const session = connectHttp2(`http://127.0.0.1:${port('rest')}`);
      const stream = session.request({ ':path': '/v1/models', ...Object.fromEntries(fields) });
      const answer = await Promise.race([
        once(stream, 'response').then(([head]) => (head as Record<string, unknown>)[':status']),
        once(stream, 'close').then(() => 'reset'),
      ]);
      session.destroy();
      assert.notEqual(answer, 200);
      const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      assert.match(await talk(`HEAD / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`), / 431 /);
    },
  ],
  'http2.initialWindowBytes': [
    70_000,
    async () => assert.equal((await settingsShown()).initialWindowSize, 70_000),
  ],
  'http2.connectionWindowBytes': [
    1_234_567,
    async () => assert.equal((await settingsShown()).remoteWindowSize, 1_234_567),
  ],
  'limits.memoryBytes': [
    123_456_789,
    async () => assert.match(await get('/metrics'), /^tensorgate_memory_limit_bytes 123456789$/m),
  ],
  'telemetry.logLevel': [
    'silent',
    async () => {
      const before = lines();
      await door('/v3/silent');
      await door('/v3/silent');
      assert.equal(lines(), before);
    },
  ],
  'telemetry.accessLog': [
    'off',
    async () => {
      await door('/v3/not-logged');
      await reload({});
      await door('/v3/logged');
      await waitFor(() => lines().includes('/v3/logged'));
      assert.equal(lines().includes('/v3/not-logged'), false);
    },
  ],
  // a part of what accessLog is
  'telemetry.accessLogSample': [1, async () => {}],
  'telemetry.accessLogMaxPerSecond': [1000, async () => {}],
};

const certificate = (): Section => ({ cert: pem('door.pem'), key: pem('door.key') });

/** A value to change to. */
const refused: Readonly<Record<string, unknown>> = {
  'doors.host': 'localhost',
  'doors.restPort': 1,
  'doors.grpcPort': 1,
  'doors.adminPort': 1,
  'doors.adminHost': 'localhost',
  'telemetry.metricsPrefix': 'other',
  'telemetry.maxModels': 1,
  'telemetry.maxVersionsPerModel': 1,
  'telemetry.maxSeries': 1,
};

describe('a reload', () => {
  const sections = ['doors', 'http2', 'limits', 'telemetry', 'shutdown'] as const;

  it('has been tried with every setting of these sections', () => {
    const all = sections.flatMap((section) =>
      Object.keys(configSchema.properties[section].properties).map((name) => `${section}.${name}`),
    );
    const tried = [...Object.keys(applied), ...Object.keys(refused)];
    assert.deepEqual(
      all.filter((name) => !tried.includes(name)),
      // below
      ['doors.tls', 'shutdown.graceMs', 'shutdown.drainMs'],
    );
  });

  for (const [name, [value, holds]] of Object.entries(applied))
    it(`applies ${name}`, { timeout: 30_000 }, async () => {
      const [section = '', key = ''] = name.split('.');
      await reload({ [section]: { [key]: value } });
      try {
        await holds();
      } finally {
        await reload({});
      }
    });

  for (const [name, value] of [...Object.entries(refused), ['workers', 3] as const])
    it(`is refused whole when ${name} changes`, async () => {
      const shown = await get('/api/config');
      const [section = '', key] = name.split('.');
      const changed: Config = { models: { new_model: {} }, limits: { memoryBytes: 99_999_999 } };
      changed[section] = key === undefined ? (value as number) : { [key]: value };
      await assert.rejects(
        reload(changed),
        new RegExp(`^Error: a reload cannot change ${name} \\(.*needs a restart`),
      );
      assert.equal(await get('/api/config'), shown);
      assert.doesNotMatch(await get('/metrics'), /^tensorgate_memory_limit_bytes 99999999$/m);
    });

  it('names every setting that needs a restart', async () => {
    await assert.rejects(
      reload({ doors: { restPort: 7 }, telemetry: { maxSeries: 7 }, workers: 2 }),
      /doors\.restPort \(0, now 7\), telemetry\.maxSeries \(5000, now 7\), workers \(1, now 2\): that needs a restart/,
    );
  });

  describe('of who may connect', () => {
    const secure = (identity: boolean): TLSSocket =>
      connectTls({
        port: port('rest'),
        host: '127.0.0.1',
        ca: readFileSync(pem('ca.pem')),
        servername: 'localhost',
        ...(identity ? { cert: readFileSync(pem('client.pem')), key: readFileSync(pem('client.key')) } : {}),
      }).on('error', () => undefined);
    /** What a request on a new connection gets: its status line, or nothing. */
    const answer = async (socket: Socket): Promise<string> => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.write(list);
      await Promise.race([
        closed(socket),
        waitFor(() => text.includes('\r\n'), 10_000).catch(() => undefined),
      ]);
      return text.split('\r\n', 1)[0] ?? '';
    };
    const ok = 'HTTP/1.1 200 OK';

    it('holds: TLS, client certificates, others of them, and none', { timeout: 60_000 }, async () => {
      const plain = open();
      plain.removeAllListeners('data');
      assert.equal(await answer(plain), ok);
      await reload({ doors: { tls: certificate() } });
      await closed(plain);
      assert.equal(await answer(open()), 'HTTP/1.1 400 Bad Request');
      const anonymous = secure(false);
      assert.equal(await answer(anonymous), ok);
      // one that node:http serves, which has been idle or is asked again
      const other = secure(false);
      other.write('HEAD /v1/models HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(other, 'data');
      await reload({ doors: { tls: { ...certificate(), clientCa: pem('ca.pem') } } });
      await Promise.all([closed(anonymous), closed(other)]);
      assert.equal(await answer(secure(false)), '');
      const known = secure(true);
      assert.equal(await answer(known), ok);
      // the same again is no change
      await reload({ doors: { tls: { ...certificate(), clientCa: pem('ca.pem') } } });
      assert.equal(await answer(known), ok);
      // the authority of nobody who has a certificate
      const others = await makeCertificates();
      await reload({ doors: { tls: { ...certificate(), clientCa: others('ca.pem') } } });
      await closed(known);
      assert.equal(await answer(secure(true)), '');
      await reload({ doors: { tls: certificate() } });
      assert.equal(await answer(secure(false)), ok);
      await reload({});
      assert.equal(await answer(open()), ok);
    });

    it('changes nothing when a certificate does not work', async () => {
      const wrong = { cert: pem('door.pem'), key: pem('client.key') };
      await assert.rejects(
        async () => reload({ doors: { tls: wrong } }),
        /certificate and key of the doors do not work/,
      );
      assert.equal(await answer(open()), ok);
    });
  });

  it('applies the times of a stop', { timeout: 30_000 }, async () => {
    await reload({ shutdown: { graceMs: 0, drainMs: 100 } });
    open('POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
    await gateway.drain();
  });
});

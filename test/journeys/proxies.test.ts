/**
 * nginx and HAProxy before the gateway: every door through them, who the client is behind them, and the end of a
 * gateway.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { floats, floatTensor } from '../../src/demo/tensors.ts';
import { rawClient } from '../demo/client.ts';
import {
  freePort,
  framed,
  missing,
  predictMessage,
  predictPath,
  type RunningProcess,
  run,
  startProcess,
  startTestGateway,
  type TestGateway,
  tool,
  waitFor,
} from '../support/index.ts';

/** The ports of a proxy, by what stands behind each. */
type Ports<Name extends string> = Readonly<Record<Name, number>>;

async function portsOf<Name extends string>(...names: Name[]): Promise<Ports<Name>> {
  const ports: Partial<Record<Name, number>> = {};
  for (const name of names) ports[name] = await freePort();
  return ports as Ports<Name>;
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });

describe('behind proxies', { skip: missing('nginx', 'haproxy', 'curl') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-proxies-'));
  const file = (name: string): string => join(folder, name);
  let fleet: DemoFleet;
  /** They believe X-Forwarded-For, Forwarded, a PROXY header; the other X-Forwarded-For too. */
  const gateways = new Map<'list' | 'forwarded' | 'proxy' | 'other', TestGateway>();
  const gateway = (name: 'list' | 'forwarded' | 'proxy' | 'other'): TestGateway =>
    gateways.get(name) as TestGateway;
  let nginx: RunningProcess;
  let haproxy: RunningProcess;
  let nginxPorts: Ports<'old' | 'rest' | 'grpc' | 'pair'>;
  let haproxyPorts: Ports<'rest' | 'grpc' | 'forwarded' | 'v1' | 'v2' | 'v1grpc'>;

  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'limited=half_plus_two'] });
    const urls = fleet.backends.map(({ url }) => url);
    const config = (doors: object) => ({
      doors: { trustedProxies: ['127.0.0.1'], ...doors },
      telemetry: { logLevel: 'info', accessLog: 'all' },
      rateLimits: [{ name: 'each', models: ['limited'], by: 'peer', perSecond: 0.001, burst: 2 }],
      shutdown: { graceMs: 1000, drainMs: 5000 },
    });
    const start = (doors: object, log: string): Promise<TestGateway> =>
      startTestGateway(urls, config(doors), {}, file(log));
    gateways.set('list', await start({}, 'list.log'));
    gateways.set('forwarded', await start({ forwardedHeader: 'forwarded' }, 'forwarded.log'));
    gateways.set('proxy', await start({ proxyProtocol: true }, 'proxy.log'));
    gateways.set('other', await start({}, 'other.log'));

    nginxPorts = await portsOf('old', 'rest', 'grpc', 'pair');
    // the settings that its documentation shows, and for "old" nothing but its defaults
    const nginxConfig = `
      daemon off; worker_processes 1; pid ${file('nginx.pid')}; error_log ${file('nginx.log')} warn;
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      events { worker_connections 256; }
      http {
        access_log off; client_max_body_size 0;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${file(name)};`).join(' ')}
        upstream rest { server ${gateway('list').rest}; keepalive 8; }
        upstream grpc_door { server ${gateway('list').grpc}; keepalive 8; }
        upstream pair { server ${gateway('list').rest}; server ${gateway('other').rest}; keepalive 8; }
        server { listen 127.0.0.1:${nginxPorts.old}; location / { proxy_pass http://${gateway('list').rest}; } }
        server {
          listen 127.0.0.1:${nginxPorts.rest};
          location / {
            proxy_pass http://rest; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_buffering off;
          }
        }
        server {
          listen 127.0.0.1:${nginxPorts.grpc} http2;
          location / { grpc_pass grpc://grpc_door; grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
        }
        server {
          listen 127.0.0.1:${nginxPorts.pair};
          location / {
            proxy_pass http://pair; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_next_upstream error timeout non_idempotent;
          }
        }
      }`;
    writeFileSync(file('nginx.conf'), nginxConfig);
    nginx = await startProcess(tool('nginx') as string, ['-p', folder, '-c', file('nginx.conf')]);

    haproxyPorts = await portsOf('rest', 'grpc', 'forwarded', 'v1', 'v2', 'v1grpc');
    const part = (name: keyof typeof haproxyPorts, lines: readonly string[]): string =>
      [`listen ${name}`, ...lines].join('\n  ');
    const bind = (name: keyof typeof haproxyPorts, more = ''): string =>
      `bind 127.0.0.1:${haproxyPorts[name]} ${more}`;
    writeFileSync(
      file('haproxy.cfg'),
      [
        'defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n  http-reuse always',
        part('rest', [bind('rest'), 'option forwardfor', `server one ${gateway('list').rest}`]),
        part('grpc', [
          bind('grpc', 'proto h2'),
          'option forwardfor',
          `server one ${gateway('list').grpc} proto h2`,
        ]),
        part('forwarded', [
          bind('forwarded'),
          'http-request set-header Forwarded for=%[src];proto=http',
          `server one ${gateway('forwarded').rest}`,
        ]),
        part('v1', [bind('v1'), 'mode tcp', `server one ${gateway('proxy').rest} send-proxy`]),
        part('v2', [bind('v2'), 'mode tcp', `server one ${gateway('proxy').rest} send-proxy-v2`]),
        part('v1grpc', [bind('v1grpc'), 'mode tcp', `server one ${gateway('proxy').grpc} send-proxy`]),
        '',
      ].join('\n'),
    );
    haproxy = await startProcess(tool('haproxy') as string, ['-db', '-f', file('haproxy.cfg')]);
    for (const port of [...Object.values(nginxPorts), ...Object.values(haproxyPorts)])
      await waitFor(() => listens(port), 20_000, `port ${port}:\n${nginx.output()}${haproxy.output()}`);
  });
  after(async () => {
    await nginx?.stop();
    await haproxy?.stop();
    for (const each of gateways.values()) await each.stop();
    await fleet?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Clients of their own address, as far as a proxy on this machine can see. @param from 127.0.0.x */
  async function curl(
    port: number,
    path: string,
    from: string,
    ...args: string[]
  ): Promise<[number, string]> {
    const url = `http://127.0.0.1:${port}${path}`;
    const { stdout } = await run('curl', [
      ...['-s', '-m', '10', '--interface', from, '-w', '\n%{http_code}'],
      ...args,
      url,
    ]);
    const cut = stdout.lastIndexOf('\n');
    return [Number(stdout.slice(cut + 1)), stdout.slice(0, cut)];
  }
  const predict = '/v1/models/half_plus_two:predict';
  const asks = ['-d', '{"instances":[1.0]}'];

  /** The addresses that the log names, for calls and for other requests. */
  function peersIn(log: string): Set<string> {
    const peers = readFileSync(file(log), 'utf8').matchAll(/"peer":"([^"]*)"/g);
    return new Set([...peers].map(([, peer = '']) => peer));
  }
  const isIn = (log: string, address: string): boolean =>
    [...peersIn(log)].some((peer) => peer === address || peer.startsWith(`${address}:`));

  describe('the doors', () => {
    const doors = (): readonly (readonly [string, number])[] => [
      ['nginx with its defaults, HTTP/1.0 upstream', nginxPorts.old],
      ['nginx, HTTP/1.1 upstream', nginxPorts.rest],
      ['HAProxy', haproxyPorts.rest],
    ];

    it('REST: an answer, an error, an unknown path', async () => {
      for (const [name, port] of doors()) {
        assert.deepEqual(
          await curl(port, predict, '127.0.0.1', ...asks),
          [200, '{"predictions":[2.5]}'],
          name,
        );
        const [status, body] = await curl(port, '/v1/models/no_such_model', '127.0.0.1');
        assert.equal(status, 404, `${name}: ${body}`);
        assert.match((JSON.parse(body) as { error: string }).error, /no_such_model/);
        assert.equal((await curl(port, predict, '127.0.0.1', '-d', '{'))[0], 400, name);
      }
    });

    it('gRPC-Web, binary and text', async () => {
      const message = framed(predictMessage());
      for (const [name, port] of doors())
        for (const text of [false, true]) {
          const response = await fetch(`http://127.0.0.1:${port}${predictPath}`, {
            method: 'POST',
            headers: {
              'content-type': `application/grpc-web${text ? '-text' : '+proto'}`,
              'x-grpc-web': '1',
            },
            body: text ? message.toString('base64') : new Uint8Array(message),
          });
          const came = Buffer.from(await response.arrayBuffer());
          // groups of base64 that are padded stand behind each other
          const groups = came.toString('latin1').match(/[A-Za-z0-9+/]+=*/g) ?? [];
          const bytes = text ? Buffer.concat(groups.map((group) => Buffer.from(group, 'base64'))) : came;
          assert.match(bytes.toString('latin1'), /grpc-status: ?0/, `${name}: ${response.status}`);
          assert.equal(bytes[0], 0, name);
        }
    });

    it('gRPC', async () => {
      for (const port of [nginxPorts.grpc, haproxyPorts.grpc]) {
        const client = rawClient(port);
        try {
          const { outputs } = await client.predict({ name: 'half_plus_two' }, { x: floatTensor([1], [1]) });
          const y = outputs.get('y');
          assert.ok(y !== undefined && y.dtype !== 'string');
          assert.deepEqual([...floats(y)], [2.5]);
          await assert.rejects(client.predict({ name: 'no_such_model' }, {}), { code: 5 });
          // HAProxy 2.6 loses the trailers of large answers that come at once: of 240 calls of 800 KB, four at a
          // time, straight to a server of grpcio 23 failed (RST_STREAM with code 0), of as many one by one none
          const large = floatTensor([200_000], new Float32Array(200_000));
          for (let i = 0; i < 4; i++) {
            const answer = await client.predict({ name: 'half_plus_two' }, { x: large });
            assert.deepEqual(answer.outputs.get('y')?.shape, [200_000]);
          }
          const answers = await Promise.all(
            Array.from({ length: 16 }, () =>
              client.predict({ name: 'half_plus_two' }, { x: floatTensor([1], [1]) }),
            ),
          );
          assert.equal(answers.length, 16);
        } finally {
          client.close();
        }
      }
    });
  });

  describe('the client’s address', () => {
    const limited = '/v1/models/limited:predict';
    const untrue = ['-H', 'X-Forwarded-For: 203.0.113.9', '-H', 'Forwarded: for=203.0.113.9'];
    const ways = (): readonly (readonly [string, number, string])[] => [
      ['nginx, X-Forwarded-For', nginxPorts.rest, 'list.log'],
      ['HAProxy, X-Forwarded-For', haproxyPorts.rest, 'list.log'],
      ['HAProxy, Forwarded', haproxyPorts.forwarded, 'forwarded.log'],
      ['HAProxy, PROXY version 1', haproxyPorts.v1, 'proxy.log'],
      ['HAProxy, PROXY version 2', haproxyPorts.v2, 'proxy.log'],
    ];

    it('has limits of its own, and stands in the log; what clients say of themselves does not', async () => {
      for (const [i, [name, port, log]] of ways().entries()) {
        const [one, other] = [`127.0.0.${20 + 2 * i}`, `127.0.0.${21 + 2 * i}`];
        const statuses: number[] = [];
        for (const from of [one, one, one, other])
          statuses.push((await curl(port, limited, from, ...asks, ...untrue))[0]);
        assert.deepEqual(statuses, [200, 200, 429, 200], name);
        await waitFor(
          () => isIn(log, one) && isIn(log, other),
          5000,
          `${one} and ${other} in ${log}: ${name}`,
        );
        assert.ok(!isIn(log, '203.0.113.9'), name);
      }
    });

    it('has them over gRPC too', async () => {
      const message = file('message');
      writeFileSync(message, framed(predictMessage('limited')));
      for (const [i, [name, port, log]] of (
        [
          ['nginx', nginxPorts.grpc, 'list.log'],
          ['HAProxy', haproxyPorts.grpc, 'list.log'],
          ['HAProxy, PROXY version 1', haproxyPorts.v1grpc, 'proxy.log'],
        ] as const
      ).entries()) {
        const [one, other] = [`127.0.0.${40 + 2 * i}`, `127.0.0.${41 + 2 * i}`];
        const statuses: (string | undefined)[] = [];
        for (const from of [one, one, one, other]) {
          await curl(
            port,
            predictPath,
            from,
            ...['--http2-prior-knowledge', '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
            ...['-D', file('head'), '-o', file('body'), '--data-binary', `@${message}`],
          );
          statuses.push(/^grpc-status: ?([0-9]+)/im.exec(readFileSync(file('head'), 'latin1'))?.[1]);
        }
        assert.deepEqual(statuses, ['0', '0', '8', '0'], name);
        await waitFor(
          () => isIn(log, one) && isIn(log, other),
          5000,
          `${one} and ${other} in ${log}: ${name}`,
        );
      }
    });

    it('is nginx’s own where that says nothing, as by its defaults: one limit for all behind it', async () => {
      const statuses: number[] = [];
      for (const from of ['127.0.0.60', '127.0.0.61', '127.0.0.62'])
        statuses.push((await curl(nginxPorts.old, limited, from, ...asks))[0]);
      assert.deepEqual(statuses, [200, 200, 429]);
    });

    it('is that of the connection for who comes without a proxy', async () => {
      for (const name of ['list', 'forwarded', 'proxy'] as const) {
        const port = Number(gateway(name).rest.split(':')[1]);
        const [status, body] = await curl(port, predict, '127.0.0.70', ...asks, ...untrue);
        assert.equal(status, 200, `${name}: ${body}`);
        await waitFor(() => isIn(`${name}.log`, '127.0.0.70'), 5000, `127.0.0.70 in ${name}.log`);
        assert.ok(!isIn(`${name}.log`, '203.0.113.9'), name);
      }
    });
  });

  it('a gateway that ends loses no call of those that nginx sends to two, over connections that it keeps', async () => {
    const lines = (log: string): number => readFileSync(file(log), 'utf8').split('\n').length;
    let over = false;
    const answers: string[] = [];
    const ask = async (): Promise<void> => {
      while (!over) {
        const response = await fetch(`http://127.0.0.1:${nginxPorts.pair}${predict}`, {
          method: 'POST',
          body: '{"instances":[1.0]}',
        });
        answers.push(`${response.status} ${await response.text()}`);
      }
    };
    const asking = Array.from({ length: 4 }, ask);
    try {
      await waitFor(() => answers.length > 100 && lines('other.log') > 50, 20_000, 'answers of both');
      await gateway('other').gateway.drain();
      const [before_, ended] = [answers.length, lines('other.log')];
      await waitFor(() => answers.length > before_ + 100, 20_000, 'answers of the one that is left');
      assert.equal(lines('other.log'), ended);
    } finally {
      over = true;
      await Promise.all(asking);
    }
    const wrong = answers.filter((answer) => answer !== '200 {"predictions":[2.5]}');
    assert.deepEqual(wrong, [], `of ${answers.length}`);
  });
});

/**
 * What an operator sees of reloads: one line, one value and one sentence for a gateway, be its files named by flags,
 * and whichever worker is asked.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { stringify } from 'yaml';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { type GatewayProcess, makeCertificates, startGatewayProcess, waitFor } from '../support/index.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Each question on a connection of its own, so that every worker gets some. */
function ask(admin: string, path: string, tls = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [host, port] = admin.split(':');
    const options = { host, port, path, agent: false, rejectUnauthorized: false };
    (tls ? https : http)
      .get(options, (response) => {
        let body = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (body += chunk))
          .on('end', () => {
            resolve({ status: response.statusCode ?? 0, body });
          });
      })
      .on('error', reject);
  });
}

interface Seen {
  readonly successful: number;
  readonly at: number;
  readonly refused: { readonly at: string; readonly reason: string } | undefined;
}

async function seen(admin: string, tls = false): Promise<Seen> {
  const { body } = await ask(admin, '/metrics', tls);
  const value = (name: string): number =>
    Number(new RegExp(`^tensorgate_config_last_reload_${name} (\\S+)$`, 'm').exec(body)?.[1] ?? Number.NaN);
  const readyz = JSON.parse((await ask(admin, '/readyz', tls)).body) as {
    refusedReload?: { at: string; reason: string };
  };
  return {
    successful: value('successful'),
    at: value('success_timestamp_seconds'),
    refused: readyz.refusedReload,
  };
}

/** Whose certificate a port shows to who connects now. */
function shownBy(address: string): Promise<string> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** Lines of the log that say a refusal. */
const refusals = (output: string): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line.includes('configuration is refused'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('reloads of a gateway', () => {
  let fleet: DemoFleet;
  let pem: (name: string) => string;
  let folder: string;
  before(async () => {
    [fleet, pem] = await Promise.all([
      startDemoFleet({ replicas: 1, models: ['half_plus_two'] }),
      makeCertificates('first', 'second'),
    ]);
  });
  after(() => fleet.stop());
  beforeEach((t) => {
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-reloads-'));
    (t as TestContext).after(() => rmSync(folder, { recursive: true }));
  });
  const at = (name: string): string => join(folder, name);
  const install = (cert: string, key = cert): void => {
    copyFileSync(pem(`${cert}.pem`), at('door.pem'));
    copyFileSync(pem(`${key}.key`), at('door.key'));
  };
  const start = async (t: TestContext, ...args: Parameters<typeof startGatewayProcess>) => {
    const gateway: GatewayProcess = await startGatewayProcess(...args);
    t.after(() => gateway.process.stop());
    return gateway;
  };

  it(
    'whose certificate is named by flags serve a renewed one, and keep the old one when the new one does not work',
    {
      timeout: 90_000,
    },
    async (t) => {
      install('first');
      const startedS = Date.now() / 1000;
      const tls = ['--tls-cert', at('door.pem'), '--tls-key', at('door.key')];
      const { rest, grpc, admin, process } = await start(
        t,
        fleet.backends.map(({ url }) => url),
        tls,
      );
      const first = await seen(admin, true);
      assert.equal(first.successful, 1);
      assert.ok(first.at >= startedS - 1 && first.at <= Date.now() / 1000, String(first.at));
      assert.equal(await shownBy(grpc), 'first');
      install('second');
      await waitFor(async () => (await shownBy(grpc)) === 'second', 20_000, 'the renewed certificate');
      assert.equal(await shownBy(rest), 'second');
      const second = await waitFor(async () => {
        const now = await seen(admin, true);
        return now.at > first.at && now;
      });
      assert.equal(second.successful, 1);

      install('first', 'second');
      const bad = await waitFor(async () => {
        const now = await seen(admin, true);
        return now.successful === 0 && now;
      });
      assert.equal(bad.at, second.at);
      assert.match(bad.refused?.reason ?? '', /certificate and key of the doors do not work/);
      assert.equal(await shownBy(grpc), 'second');
      const [line, ...more] = refusals(process.output());
      assert.deepEqual(more, []);
      assert.equal(line?.level, 'error');
      assert.match(
        String(line?.msg),
        /the one in force stays: doors\.tls: the certificate and key of the doors/,
      );

      rmSync(at('door.pem'));
      const gone = await waitFor(async () => {
        const { refused } = await seen(admin, true);
        return refused?.reason.includes('cannot read') === true && refused;
      });
      assert.match(gone.reason, /doors\.tls\.cert: cannot read .*door\.pem: ENOENT \(--tls-cert\)/);
      assert.equal(await shownBy(grpc), 'second');

      install('first');
      await waitFor(async () => (await shownBy(grpc)) === 'first', 20_000, 'the one that works');
      const good = await waitFor(async () => {
        const now = await seen(admin, true);
        return now.successful === 1 && now;
      });
      assert.ok(good.at > second.at);
      assert.equal(good.refused, undefined);
    },
  );

  it('follow the authorities of clients and of backends', { timeout: 90_000 }, async (t) => {
    const [others, secure] = await Promise.all([
      makeCertificates('client'),
      startDemoFleet({
        replicas: 1,
        models: ['half_plus_two'],
        flags: () => ['--tls-cert', pem('first.pem'), '--tls-key', pem('first.key')],
      }),
    ]);
    t.after(() => secure.stop());
    install('first');
    copyFileSync(pem('ca.pem'), at('clients.pem'));
    copyFileSync(others('ca.pem'), at('backends.pem'));
    const file = at('gateway.yaml');
    const backends = secure.backends.map(({ port }) => `tfss://127.0.0.1:${port}`);
    writeFileSync(file, stringify({ fleets: { default: { backends, tls: { ca: at('backends.pem') } } } }));
    const { grpc, admin } = await start(
      t,
      [],
      [
        ...['--config', file, '--tls-cert', at('door.pem'), '--tls-key', at('door.key')],
        ...['--tls-client-ca', at('clients.pem')],
      ],
    );
    const enters = (identity: (name: string) => string, name: string): Promise<boolean> =>
      new Promise((resolve) => {
        const [host, port] = grpc.split(':') as [string, string];
        const socket = connect({
          host,
          port: Number(port),
          ALPNProtocols: ['h2'],
          rejectUnauthorized: false,
          cert: readFileSync(identity(`${name}.pem`)),
          key: readFileSync(identity(`${name}.key`)),
        });
        // with TLS 1.3 the server's judgement comes after the client's handshake
        socket.once('data', () => {
          resolve(true);
          socket.destroy();
        });
        socket.once('error', () => {
          resolve(false);
        });
        socket.once('close', () => {
          resolve(false);
        });
        socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      });
    assert.equal(await enters(others, 'client'), false);
    copyFileSync(others('ca.pem'), at('clients.pem'));
    await waitFor(() => enters(others, 'client'), 20_000, 'the other authority of clients');
    assert.equal(await enters(pem, 'first'), false);

    // the admin door wants to know its clients, too
    const up = async (): Promise<boolean> => {
      const [host, port] = admin.split(':');
      const identity = { cert: readFileSync(others('client.pem')), key: readFileSync(others('client.key')) };
      return new Promise((resolve) => {
        https
          .get(
            { host, port, path: '/readyz', agent: false, rejectUnauthorized: false, ...identity },
            (response) => {
              response.resume();
              resolve(response.statusCode === 200);
            },
          )
          .on('error', () => {
            resolve(false);
          });
      });
    };
    assert.equal(await up(), false);
    copyFileSync(pem('ca.pem'), at('backends.pem'));
    await waitFor(up, 30_000, 'the backend');
  });

  it('are one for two workers: a line, a value, a sentence', { timeout: 120_000 }, async (t) => {
    const file = at('gateway.yaml');
    const write = (more: object): void => {
      writeFileSync(
        file,
        stringify({
          fleets: { default: { backends: fleet.backends.map(({ url }) => url) } },
          shutdown: { graceMs: 0, drainMs: 500 },
          ...more,
        }),
      );
    };
    write({});
    const { admin, process } = await start(t, [], ['--config', file, '--workers', '2']);
    /** The same answer from so many connections, which the workers take in turn. */
    const agreed = (is: (now: Seen) => boolean): Promise<Seen> =>
      waitFor(
        async () => {
          const all: Seen[] = [];
          for (let i = 0; i < 6; i++) all.push(await seen(admin));
          const [one] = all as [Seen];
          return all.every((each) => is(each) && JSON.stringify(each) === JSON.stringify(one)) && one;
        },
        30_000,
        'one answer of all',
      );
    const first = await agreed(({ successful, refused }) => successful === 1 && refused === undefined);
    write({ nope: 1, deadlines: { defaultMs: 'x' } });
    const bad = await agreed(({ successful, refused }) => successful === 0 && refused !== undefined);
    assert.equal(bad.at, first.at);
    assert.match(bad.refused?.reason ?? '', /nope: unknown key/);
    assert.match(bad.refused?.reason ?? '', /deadlines\.defaultMs: must be integer/);
    write({ doors: { adminHost: '127.0.0.1' } });
    const restart = await agreed(({ refused }) => refused?.reason.includes('restart') === true);
    assert.match(
      restart.refused?.reason ?? '',
      /doors\.adminHost \(none, now 127\.0\.0\.1\): that needs a restart/,
    );
    write({ deadlines: { defaultMs: 1234 } });
    const good = await agreed(({ successful, refused }) => successful === 1 && refused === undefined);
    assert.ok(good.at > first.at);
    const lines = refusals(process.output());
    assert.equal(lines.length, 2, process.output());
    assert.deepEqual(
      lines.map(({ level }) => level),
      ['error', 'error'],
    );
    // all else that is printed is the word that it serves, and lines of the log
    const others = process
      .output()
      .split('\n')
      .filter((text) => text !== '' && !text.startsWith('{') && !text.startsWith('  '));
    assert.equal(others.length, 1, others.join('\n'));
    assert.equal(process.output().split('"configuration reloaded"').length, 2);
  });
});

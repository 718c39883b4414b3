/** Certificates that change or run out under load: at the gateway's doors, and at its backends. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { credentials, makeClientConstructor, type ClientReadableStream } from '@grpc/grpc-js';
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { makeCertificates, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { History } from './history.ts';

const raw = (bytes: Buffer): Buffer => bytes;
const HealthClient = makeClientConstructor(
  {
    watch: {
      path: '/grpc.health.v1.Health/Watch',
      requestStream: false,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  'Health',
);

/** Whose certificate a port shows to who connects now. */
function shownBy(address: string, ca: Buffer): Promise<string> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host, port: Number(port), ca, servername: 'localhost', ALPNProtocols: ['h2'] },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

describe('a certificate', () => {
  let file: (name: string) => string;
  let ca: Buffer;
  /** Puts a certificate and its key where others are told to look. */
  const install = (name: string, place: string): void => {
    for (const ending of ['pem', 'key'])
      copyFileSync(file(`${name}.${ending}`), join(dirname(file('ca.pem')), `${place}.${ending}`));
  };
  before(async () => {
    file = await makeCertificates('first', 'second', 'expired');
    ca = readFileSync(file('ca.pem'));
  });

  describe('of the doors', () => {
    let fleet: DemoFleet;
    let gateway: TestGateway;
    before(async () => {
      fleet = await startDemoFleet({ replicas: 2, models: ['echo'] });
      install('first', 'door');
      gateway = await startTestGateway(
        fleet.backends.map(({ url }) => url),
        { doors: { tls: { cert: file('door.pem'), key: file('door.key') } } },
      );
    });
    after(async () => {
      await gateway.stop();
      await fleet.stop();
    });

    it(
      'is exchanged for new connections; calls and streams on old ones go on',
      { timeout: 60_000 },
      async () => {
        const channel = credentials.createSsl(ca);
        const health = new HealthClient(gateway.grpc, channel, { 'grpc.use_local_subchannel_pool': 1 });
        const stream = (health.watch as (request: Buffer) => ClientReadableStream<Buffer>).call(
          health,
          Buffer.alloc(0),
        );
        let streamEnded = '';
        stream.on('error', (error) => (streamEnded = String(error))).on('end', () => (streamEnded = 'ended'));
        await new Promise((resolve) => stream.once('data', resolve));
        const load = new History(gateway, { perSecond: 100, via: ['gRPC'], channel });
        try {
          await waitFor(() => load.ok > 50, 20_000);
          assert.equal(await shownBy(gateway.grpc, ca), 'first');
          install('second', 'door');
          await gateway.reload();
          assert.equal(await shownBy(gateway.grpc, ca), 'second');
          assert.equal(await shownBy(gateway.rest, ca), 'second');
          const { ok } = load;
          await waitFor(() => load.ok > ok + 50, 20_000);
        } finally {
          await load.stop();
          health.close();
        }
        load.checkAllAnswered();
        assert.equal(streamEnded, '');
      },
    );

    it('stays when the new one does not work', async () => {
      const shown = await shownBy(gateway.grpc, ca);
      copyFileSync(file('first.pem'), file('door.pem'));
      copyFileSync(file('second.key'), file('door.key'));
      await assert.rejects(gateway.reload(), /certificate and key of the doors do not work/);
      assert.equal(await shownBy(gateway.grpc, ca), shown);
    });
  });

  describe('of one backend of three', () => {
    let fleet: DemoFleet;
    let gateway: TestGateway;
    before(async () => {
      for (const place of ['b0', 'b1', 'b2']) install('first', place);
      fleet = await startDemoFleet({
        replicas: 3,
        models: ['echo'],
        flags: (index) => ['--tls-cert', file(`b${index}.pem`), '--tls-key', file(`b${index}.key`)],
      });
      const backends = fleet.backends.map(({ port }) => `tfss://127.0.0.1:${port}`);
      gateway = await startTestGateway([], {
        fleets: { default: { backends, tls: { ca: file('ca.pem') } } },
      });
    });
    after(async () => {
      await gateway.stop();
      await fleet.stop();
    });

    interface Shown {
      readonly name: string;
      readonly up: boolean;
      readonly reason: string;
    }
    async function shown({ port }: DemoBackend): Promise<Shown> {
      const page = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
        fleets: { backends: Shown[] }[];
      };
      const found = page.fleets[0]?.backends.find(({ name }) => name.endsWith(`:${port}`));
      assert.ok(found);
      return found;
    }

    it(
      'that has run out takes it out, with the reason, and no call fails; it is back with a good one',
      { timeout: 90_000 },
      async (t) => {
        const [bad] = fleet.backends as [DemoBackend, DemoBackend, DemoBackend];
        const load = new History(gateway, { perSecond: 80 });
        try {
          await waitFor(
            () => fleet.backends.every(({ name }) => load.shares().has(name)),
            20_000,
            'answers of all three',
          );
          install('expired', 'b0');
          await bad.restart();
          const down = await waitFor(
            async () => {
              const state = await shown(bad);
              return !state.up && state.reason.includes('certificate') && state;
            },
            30_000,
            'the reason',
          );
          assert.match(down.reason, /certificate has expired/);
          const sinceMs = performance.now();
          const { ok } = load;
          await waitFor(() => load.ok > ok + 100, 20_000);
          assert.equal(load.shares(sinceMs).has(bad.name), false);
          install('second', 'b0');
          const againMs = performance.now();
          await bad.restart();
          await waitFor(() => load.shares(againMs).has(bad.name), 30_000, 'answers of it again');
        } finally {
          await load.stop();
        }
        t.diagnostic(load.summary());
        load.checkAllAnswered();
      },
    );
  });
});

/** grpc:// backends: what they speak is found out, and again after they were replaced; a fleet may hold both kinds. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, waitFor } from '../support/index.ts';
import { clientOf } from './clients.ts';
import { startOvms } from './servers/ovms.ts';

/** A port that leads to another port, and cuts its connections when it is turned elsewhere. */
async function startTurntable(
  first: number,
): Promise<{ port: number; turn(to: number): void; stop(): void }> {
  let target = first;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1');
    for (const each of [socket, upstream]) {
      sockets.add(each);
      each.on('error', () => undefined);
      each.on('close', () => {
        sockets.delete(each);
        socket.destroy();
        upstream.destroy();
      });
    }
    socket.pipe(upstream).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const each of sockets) each.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    turn(to) {
      target = to;
      cut();
    },
    stop() {
      server.close();
      cut();
    },
  };
}

const portOf = (address: string): number => Number(address.split(':')[1]);
const x = { dtype: 'float', shape: [1, 1], bytes: new Uint8Array(Float32Array.of(1.5).buffer) } as const;
const config = {
  models: { identity_float: {} },
  fleets: { default: { health: { fastIntervalMs: 50, intervalMs: 100 } } },
};

describe('a grpc:// backend', () => {
  it('that is replaced by a version with another API goes on answering clients of both', async () => {
    const [old, current] = await Promise.all([startOvms('both'), startOvms('kserve')]);
    const turntable = await startTurntable(portOf(old.grpc));
    const gateway = await startTestGateway([`grpc://127.0.0.1:${turntable.port}`], config);
    const clients = [clientOf('tfs-grpc', gateway), clientOf('v2-grpc', gateway)];
    const all = async (): Promise<true> => {
      for (const client of clients)
        assert.deepEqual([...(await client.infer('identity_float', 'x', x, 'x')).shape], [1, 1]);
      return true;
    };
    try {
      await all();
      turntable.turn(portOf(current.grpc));
      await waitFor(all, 10_000, 'answers from the new version');
      turntable.turn(portOf(old.grpc));
      await waitFor(all, 10_000, 'answers from the old version');
    } finally {
      for (const client of clients) client.close();
      await gateway.stop();
      turntable.stop();
      await Promise.all([old.stop(), current.stop()]);
    }
  });
});

describe('a fleet of servers of different APIs', () => {
  it('serves one model, and its clients cannot tell which of them answered', async () => {
    const demo = await startDemoFleet({ replicas: 1, models: ['identity_float=echo:float'] });
    const current = await startOvms('kserve');
    const backends = [demo.backends[0]?.url ?? '', `grpc://${current.grpc}`];
    const gateway = await startTestGateway(backends, config);
    const clients = (['tfs-grpc', 'v2-grpc', 'tfs-rest', 'v2-rest'] as const).map((door) =>
      clientOf(door, gateway),
    );
    try {
      for (const client of clients) {
        for (let i = 0; i < 20; i++) {
          const { dtype, shape } = await client.infer('identity_float', 'x', x, 'x');
          assert.deepEqual([dtype, shape], ['float', [1, 1]]);
        }
      }
      const servedBy = new Set<string | null>();
      await waitFor(
        async () => {
          const body = '{"instances":[[1.5]]}';
          const url = `http://${gateway.rest}/v1/models/identity_float:predict`;
          servedBy.add((await fetch(url, { method: 'POST', body })).headers.get('x-served-by'));
          return servedBy.size === 2;
        },
        10_000,
        'both to have answered',
      );
    } finally {
      for (const client of clients) client.close();
      await gateway.stop();
      await demo.stop();
      await current.stop();
    }
  });
});

/**
 * A rolling update as the chart's Deployment does it, played with processes: a new gateway gets ready, an old one gets
 * SIGTERM, until all are new; clients of three protocols behind a Service make 200 calls a second and lose none.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { stringify } from 'yaml';
import { connect } from '../../clients/web/src/index.ts';
import { encodePredictRequest } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { type GatewayProcess, sleep, startGatewayProcess, waitFor } from '../support/index.ts';
import { predictClient } from './predict-client.ts';

const replicas = 2;
/** How late a Service's rules follow a pod that ends: EndpointSlice, kube-proxy or a balancer; in ms. */
const lagMs = 400;
const model = 'half_plus_two';

interface Pod {
  readonly gateway: GatewayProcess;
  ready: boolean;
}

/** What a Service does: each new connection goes to a pod that is ready, in turn. Those that are open stay. */
class Service {
  readonly pods: Pod[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #next = 0;
  refused = 0;

  async listen(door: 'rest' | 'grpc'): Promise<string> {
    const server = createServer((client) => {
      const ready = this.pods.filter((pod) => pod.ready);
      const pod = ready[this.#next++ % Math.max(1, ready.length)];
      if (pod === undefined) {
        this.refused++;
        client.destroy();
        return;
      }
      const [host = '', port] = pod.gateway[door].split(':');
      const server = dial(Number(port), host);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroySoon();
        });
      }
    }).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe('a rolling update', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-rolling-'));
  const config = join(folder, 'gateway.yaml');
  const service = new Service();
  let fleet: DemoFleet;

  before(async () => {
    fleet = await startDemoFleet({ replicas: 2, models: [model] });
    // the grace time is longer than the Service takes to notice
    writeFileSync(config, stringify({ shutdown: { graceMs: 1500, drainMs: 8000 }, models: { [model]: {} } }));
  });
  after(async () => {
    service.close();
    await Promise.all(service.pods.map(({ gateway }) => gateway.process.stop()));
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function startPod(): Promise<Pod> {
    const urls = fleet.backends.map(({ url }) => url);
    const gateway = await startGatewayProcess(urls, ['--config', config], {}, true);
    const pod: Pod = { gateway, ready: false };
    service.pods.push(pod);
    const isReady = async (): Promise<boolean> =>
      (await fetch(`http://${gateway.admin}/readyz`)).status === 200;
    pod.ready = await waitFor(isReady, 20_000, 'the readiness of a new pod');
    return pod;
  }

  async function stopPod(pod: Pod): Promise<void> {
    pod.gateway.process.signal('SIGTERM');
    await sleep(lagMs);
    pod.ready = false;
    assert.equal(await pod.gateway.process.exited, 0);
    service.pods.splice(service.pods.indexOf(pod), 1);
  }

  it('loses no call of gRPC, JSON and gRPC-Web clients at 200 a second', async () => {
    const old = await Promise.all(Array.from({ length: replicas }, startPod));
    const rest = await service.listen('rest');
    const client = predictClient(await service.listen('grpc'));
    const web = connect(`http://${rest}`).model(model);
    const message = Buffer.concat(
      encodePredictRequest({
        spec: { name: model, signature: '' },
        inputs: new Map([
          ['x', { dtype: 'float', shape: [1], bytes: new Uint8Array(Float32Array.of(1).buffer) }],
        ]),
        outputFilter: [],
      }),
    );
    /** Each in turn, as its share of 200 calls a second. */
    const kinds: readonly (readonly [name: string, perTick: number, call: () => Promise<unknown>])[] = [
      ['gRPC', 2, () => client.predict(message, { deadlineMs: 10_000 })],
      [
        'JSON',
        2,
        async () => {
          const answer = await fetch(`http://${rest}/v1/models/${model}:predict`, {
            method: 'POST',
            body: '{"instances":[1.0]}',
          });
          assert.equal(await answer.text().then((text) => text.replace(/\s/g, '')), '{"predictions":[2.5]}');
        },
      ],
      [
        'gRPC-Web',
        1,
        async () => {
          const { y } = await web.predict({ x: new Float32Array([1]) });
          assert.deepEqual([...(y?.data as Float32Array)], [2.5]);
        },
      ],
    ];
    const failures: string[] = [];
    const made = new Map<string, number>();
    const underWay = new Set<Promise<unknown>>();
    const tick = setInterval(() => {
      for (const [name, perTick, call] of kinds)
        for (let i = 0; i < perTick; i++) {
          made.set(name, (made.get(name) ?? 0) + 1);
          const ended: Promise<unknown> = call()
            .catch((reason: unknown) => failures.push(`${name}: ${inspect(reason)}`))
            .finally(() => underWay.delete(ended));
          underWay.add(ended);
        }
    }, 25);
    try {
      await sleep(500);
      for (const pod of old) {
        await startPod();
        await stopPod(pod);
      }
      await sleep(500);
    } finally {
      clearInterval(tick);
      await Promise.all(underWay);
      client.close();
    }
    assert.deepEqual(
      failures.slice(0, 5),
      [],
      `${failures.length} of ${[...made.values()].join(' + ')} calls failed`,
    );
    assert.equal(service.refused, 0);
    for (const [name] of kinds) assert.ok((made.get(name) ?? 0) > 100, `${name}: ${made.get(name)} calls`);
    assert.equal(service.pods.length, replicas);
  });
});

/**
 * The orderly end of a gateway as clients of HTTP/1.1 see it: they are told before their connection goes, and lose no
 * request.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { sleep, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

const predict = (more = ''): string =>
  `POST /v1/models/half_plus_two:predict HTTP/1.1\r\nhost: a\r\n${more}content-length: 19\r\n\r\n{"instances":[1.0]}`;
/** Served by way of node:http. */
const proxied = 'GET /v3/anything HTTP/1.1\r\nhost: a\r\n\r\n';

/** A connection, and all that it has said so far. */
interface Client {
  readonly socket: Socket;
  text(): string;
  readonly closed: Promise<unknown>;
}

async function open(address: string): Promise<Client> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

const answersIn = (client: Client): number => client.text().split(/HTTP\/1\.1 \d/).length - 1;
const answered = async (client: Client, count = 1): Promise<void> => {
  await waitFor(() => answersIn(client) >= count && /\}\n?$/.test(client.text()), 5000, `${count} answers`);
};

describe('a gateway that ends in order', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let ends: Promise<void> | undefined;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  });
  after(() => fleet.stop());
  beforeEach(async () => {
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { shutdown: { graceMs: 400, drainMs: 5000 } },
    );
  });
  afterEach(async () => {
    await ends;
    await gateway.stop();
  });
  const end = (): void => void (ends = gateway.gateway.drain());
  /** The doors take nobody any more. */
  const closedDoors = async (): Promise<void> => {
    await waitFor(
      () =>
        open(gateway.rest).then(
          ({ socket }) => (socket.destroy(), false),
          () => true,
        ),
      5000,
      'closed doors',
    );
  };

  for (const [name, request] of [
    ['by the gateway itself', predict()],
    ['by way of node:http', proxied],
  ] as const) {
    it(`says so in the answer to the next request, served ${name}, and closes behind it`, async () => {
      const client = await open(gateway.rest);
      client.socket.write(request);
      await answered(client);
      assert.doesNotMatch(client.text(), /connection: close/i);
      end();
      client.socket.write(request);
      await client.closed;
      assert.equal(answersIn(client), 2);
      assert.match(client.text(), /^connection: close\r$/im);
    });
  }

  it('leaves idle connections open for the time of grace', async () => {
    const client = await open(gateway.rest);
    client.socket.write(predict());
    await answered(client);
    end();
    await sleep(200);
    assert.equal(client.socket.readyState, 'open');
    await client.closed;
  });

  it('serves a request whose head had begun to come', async () => {
    const client = await open(gateway.rest);
    client.socket.write(predict());
    await answered(client);
    client.socket.write(predict().slice(0, 30));
    // another connection's answer: the bytes before it have been read
    const other = await open(gateway.rest);
    other.socket.write(predict());
    await answered(other);
    end();
    await closedDoors();
    client.socket.write(predict().slice(30));
    await client.closed;
    assert.equal(answersIn(client), 2);
  });

  it('serves who had just connected', async () => {
    end();
    await sleep(200);
    const whole = await open(gateway.rest);
    const cut = await open(gateway.grpc);
    await closedDoors();
    whole.socket.write(predict());
    cut.socket.write(predict().slice(0, 50));
    await sleep(20);
    cut.socket.write(predict().slice(50));
    for (const client of [whole, cut]) {
      await client.closed;
      assert.match(client.text(), /^HTTP\/1\.1 200 .*^connection: close\r$.*"predictions"/ims);
    }
  });

  it('does not wait for who has connected and says nothing', async () => {
    const silent = await open(gateway.rest);
    end();
    await silent.closed;
    await ends;
  });

  it('costs a client with connections that it keeps no request', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const failures: string[] = [];
    let calls = 0;
    let running = true;
    const call = (): Promise<void> =>
      new Promise((resolve) => {
        const fail = (error: Error): void => {
          // new connections have nobody to come to in the end: the kernel refuses them, or resets those that wait to
          // be accepted
          if (request.reusedSocket) failures.push(error.message);
          running = false;
          resolve();
        };
        const request = http.request(
          `http://${gateway.rest}/v1/models/half_plus_two:predict`,
          { method: 'POST', agent },
          (response) => {
            calls++;
            response.resume().on('end', resolve).on('error', fail);
          },
        );
        request.on('error', fail).end('{"instances":[1.0]}');
      });
    const loop = async (): Promise<void> => {
      while (running) {
        await call();
        await sleep(3);
      }
    };
    const loops = [loop(), loop(), loop(), loop()];
    await sleep(200);
    end();
    await Promise.all(loops);
    agent.destroy();
    assert.deepEqual(failures, []);
    assert.ok(calls > 20, String(calls));
  });
});

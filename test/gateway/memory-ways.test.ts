/**
 * What each way through the gateway holds while a backend keeps it waiting stands in the account, and nothing is left
 * when its calls end.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeModelInferRequest } from '../../src/codec/index.ts';
import { emptied, heldBytes, holding, sumOf } from '../support/held.ts';
import { inferMessage, modelAnswers } from '../support/model-answers.ts';
import {
  type Answer,
  dataFrames,
  fieldOf,
  frame,
  framed,
  grpcHeaders,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictReply,
  RawClient,
  rawAnswer,
  type RawBackend,
  type RawBackendOptions,
  type RawCall,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const calls = 10;
const floats = 200_000;
const inferPath = '/inference.GRPCInferenceService/ModelInfer';

const infer = inferMessage('half_plus_two', floats);

/** A whole call, in frames of 16 KiB. */
function call(id: number, fields: readonly string[], body: Buffer): Buffer {
  const parts = [headers(id, [...fields])];
  for (let at = 0; at < body.length; at += 16_384) {
    const end = at + 16_384 >= body.length ? h2.END_STREAM : 0;
    parts.push(frame(h2.DATA, end, id, body.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
}

describe('the account of what a gateway holds', () => {
  const closing: (() => unknown)[] = [];
  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function gatewayOf(url: string, config: Record<string, unknown> = {}): Promise<TestGateway> {
    const gateway = await startTestGateway([url], {
      hedge: { enabled: false },
      queue: { enabled: false },
      // nothing is kept for another attempt: what is held is held for other reasons
      retry: { maxBufferedBytes: 1 },
      ...config,
    });
    closing.push(() => gateway.stop());
    return gateway;
  }

  async function rawBackend(
    options: Partial<RawBackendOptions> = {},
  ): Promise<RawBackend & { came: RawCall[] }> {
    const came: RawCall[] = [];
    const backend = await startRawBackend({ onCall: (made) => came.push(made), ...options });
    closing.push(() => {
      backend.close();
    });
    return Object.assign(backend, { came });
  }

  /** A backend over HTTP that answers what is asked about its model and keeps the rest waiting. */
  async function httpBackend(reads = true): Promise<{ name: string; waiting: ServerResponse[] }> {
    const waiting: ServerResponse[] = [];
    const server: Server = createServer((request, response) => {
      // a question about its models, which has no place among the calls
      if (request.url === '/v2/repository/index') {
        response.writeHead(404).end();
        return;
      }
      if (request.method === 'POST') {
        waiting.push(response);
        if (reads) request.resume();
        return;
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(modelAnswers[request.url ?? ''] ?? {}));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return { name: `127.0.0.1:${(server.address() as AddressInfo).port}`, waiting };
  }

  /** Sends the same call so many times on one connection. */
  async function send(gateway: TestGateway, fields: readonly string[], body: Buffer): Promise<RawClient> {
    const client = await RawClient.open(gateway.grpc);
    closing.push(() => {
      client.destroy();
    });
    client.send(windowUpdate(0, 2 ** 30));
    for (let i = 0; i < calls; i++) assert.ok(await client.flush(call(2 * i + 1, fields, body)));
    return client;
  }

  /** About so many bytes each are held, until the client leaves. */
  async function holdsFor(gateway: TestGateway, client: RawClient, each: number, most = 1.3): Promise<void> {
    const bytes = await holding(gateway.admin, calls * each);
    assert.ok(bytes < calls * each * most, `${bytes} bytes for ${calls} calls of ${each}`);
    client.destroy();
    await emptied(gateway.admin);
  }

  it('has the requests that a bridge over gRPC has rebuilt', async () => {
    const backend = await rawBackend();
    const gateway = await gatewayOf(backend.url);
    const client = await send(gateway, predictFields([], inferPath), framed(infer));
    await waitFor(() => backend.came.length === calls, 10_000, 'the calls at the backend');
    await holdsFor(gateway, client, infer.length);
  });

  it('has them once when they are kept for another attempt, too', async () => {
    const backend = await rawBackend();
    const gateway = await gatewayOf(backend.url, { retry: {} });
    const client = await send(gateway, predictFields([], inferPath), framed(infer));
    await waitFor(() => backend.came.length === calls, 10_000, 'the calls at the backend');
    await holdsFor(gateway, client, infer.length);
  });

  it('has what a bridge has inflated', async () => {
    const backend = await rawBackend();
    const gateway = await gatewayOf(backend.url);
    const body = framed(gzipSync(infer), 1);
    const client = await send(gateway, predictFields(['grpc-encoding', 'gzip'], inferPath), body);
    await waitFor(() => backend.came.length === calls, 10_000, 'the calls at the backend');
    await holdsFor(gateway, client, infer.length);
  });

  it('has the replies that a bridge is waiting for', async () => {
    const backend = await rawBackend({
      onCall(made) {
        const whole = dataFrames(made.id, new Uint8Array(2 ** 20));
        made.send(grpcHeaders(made.id), whole.subarray(0, 50 * (16_384 + 9)));
      },
    });
    const gateway = await gatewayOf(backend.url);
    const small = encodeModelInferRequest({
      model: 'half_plus_two',
      version: '',
      id: '',
      parameters: new Map(),
      inputs: new Map(),
      inputParameters: new Map(),
      outputs: [],
    });
    const asking = await send(gateway, predictFields([], inferPath), framed(Buffer.concat(small)));
    await holdsFor(gateway, asking, 50 * 16_384);
  });

  it('has the JSON that a TensorFlow Serving REST backend is sent', async () => {
    const { name, waiting } = await httpBackend();
    const gateway = await gatewayOf(`tfs+http://${name}`);
    const client = await send(gateway, predictFields(), framed(predictMessage('half_plus_two', floats)));
    await waitFor(() => waiting.length === calls, 10_000, 'the calls at the backend');
    // four bytes and the text "0.0, " or "0.0," of each value
    await holdsFor(gateway, client, floats * 8, 1.6);
  });

  it('has what a KServe REST backend is sent', async () => {
    const { name, waiting } = await httpBackend();
    const gateway = await gatewayOf(`kserve+http://${name}`);
    const client = await send(gateway, predictFields(), framed(predictMessage('half_plus_two', floats)));
    await waitFor(() => waiting.length === calls, 10_000, 'the calls at the backend');
    await holdsFor(gateway, client, floats * 4);
  });

  it('has what a REST backend has answered so far', async () => {
    const { name, waiting } = await httpBackend();
    const gateway = await gatewayOf(`tfs+http://${name}`);
    const client = await send(gateway, predictFields(), framed(predictMessage('half_plus_two', 1)));
    await waitFor(() => waiting.length === calls, 10_000, 'the calls at the backend');
    for (const response of waiting) response.write('['.padEnd(800_000));
    await holdsFor(gateway, client, 800_000);
  });

  it('has the copies for a mirror, after their calls have ended', async () => {
    const backend = await rawBackend({ onCall: (made) => made.send(rawAnswer(made.id, predictReply)) });
    const silent: RawCall[] = [];
    const other = await rawBackend({ onCall: (made) => silent.push(made) });
    const gateway = await gatewayOf(backend.url, {
      fleets: { shadow: { backends: [other.url] } },
      models: {
        half_plus_two: { mirror: { model: 'shadowed', maxInFlight: 100 } },
        shadowed: { fleet: 'shadow' },
      },
    });
    const client = await send(gateway, predictFields(), framed(predictMessage('half_plus_two', floats)));
    for (let i = 0; i < calls; i++) await client.untilEnd(2 * i + 1);
    await waitFor(() => silent.length === calls, 10_000, 'the copies at the other backend');
    const bytes = sumOf(await heldBytes(gateway.admin));
    assert.ok(bytes >= calls * floats * 4 && bytes < calls * floats * 5, `${bytes} bytes`);
    for (const made of silent) made.send(rawAnswer(made.id, predictReply));
    await emptied(gateway.admin);
  });

  for (const [what, path] of [
    ['a service that the gateway does not know', '/some.Service/Method'],
    ['a service that it knows', undefined],
  ] as const) {
    it(`has what the backend of ${what} does not take`, async () => {
      // a window that is enough for a look at its health
      const backend = await rawBackend({ stingy: true, settings: [[4, 1000]] });
      const gateway = await gatewayOf(backend.url, {
        grpc: { passthrough: true },
      });
      const client = await send(
        gateway,
        predictFields([], path),
        framed(predictMessage('half_plus_two', 50_000)),
      );
      await holdsFor(gateway, client, 199_000);
    });
  }

  it('has the bodies over HTTP/2 that the backend of a passed-on path does not read', async () => {
    const { name } = await httpBackend(false);
    const backend = await rawBackend();
    const gateway = await gatewayOf(backend.url, {
      fleets: { generative: { backends: [`http://${name}`], health: { path: '/v2' } } },
      proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }] },
    });
    const fields = predictFields([], '/v3/chat').map((text) =>
      text === 'application/grpc' ? 'application/json' : text,
    );
    const client = await send(gateway, fields, Buffer.alloc(1_000_000));
    // sockets and pipes have some of it
    await holdsFor(gateway, client, 500_000, 2);
  });

  it('has the JSON that came before it is known what the model takes', async () => {
    // GetModelMetadata is never answered
    const backend = await rawBackend();
    const gateway = await gatewayOf(backend.url);
    const fields = predictFields([], '/v1/models/half_plus_two:predict').map((text) =>
      text === 'application/grpc' ? 'application/json' : text,
    );
    const client = await send(gateway, fields, Buffer.from(`{"instances":[${'1.25,'.repeat(180_000)}1]}`));
    await holdsFor(gateway, client, 800_000);
  });

  const json = (path: string): string[] =>
    predictFields([], path).map((text) => (text === 'application/grpc' ? 'application/json' : text));

  /** Each way with its backend, and the calls that shall not find room. */
  const ways: Readonly<
    Record<string, () => Promise<{ gateway: TestGateway; fields: readonly string[]; body: Buffer }>>
  > = {
    'a bridge over gRPC': async () => ({
      gateway: await gatewayOf((await rawBackend()).url, small),
      fields: predictFields([], inferPath),
      body: framed(infer),
    }),
    'compressed messages and a bridge over gRPC': async () => ({
      gateway: await gatewayOf((await rawBackend()).url, small),
      fields: predictFields(['grpc-encoding', 'gzip'], inferPath),
      body: framed(gzipSync(infer), 1),
    }),
    'a TensorFlow Serving REST backend': async () => ({
      gateway: await gatewayOf(`tfs+http://${(await httpBackend()).name}`, small),
      fields: predictFields(),
      body: framed(predictMessage('half_plus_two', floats)),
    }),
    'a KServe REST backend': async () => ({
      gateway: await gatewayOf(`kserve+http://${(await httpBackend()).name}`, small),
      fields: predictFields(),
      body: framed(predictMessage('half_plus_two', floats)),
    }),
    'a service that is passed through': async () => ({
      gateway: await gatewayOf((await rawBackend({ stingy: true, settings: [[4, 1000]] })).url, {
        ...small,
        grpc: { passthrough: true },
      }),
      fields: predictFields([], '/some.Service/Method'),
      body: framed(predictMessage('half_plus_two', floats)),
    }),
    'HTTP that is passed through': async () => {
      const { name } = await httpBackend(false);
      return {
        gateway: await gatewayOf((await rawBackend()).url, {
          ...small,
          fleets: { generative: { backends: [`http://${name}`], health: { path: '/v2' } } },
          proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }] },
        }),
        fields: json('/v3/chat'),
        body: Buffer.alloc(1_000_000),
      };
    },
    'JSON before it is known what the model takes': async () => ({
      gateway: await gatewayOf((await rawBackend()).url, small),
      fields: json('/v1/models/half_plus_two:predict'),
      body: Buffer.from(`{"instances":[${'1.25,'.repeat(180_000)}1]}`),
    }),
  };
  const limit = 16 * 2 ** 20;
  const small = { limits: { memoryBytes: limit }, doors: { bodyTimeoutMs: 60_000 } };

  for (const [name, begin] of Object.entries(ways)) {
    it(`bounds the calls of ${name}: the newest are refused`, async () => {
      const { gateway, fields, body } = await begin();
      const clients: RawClient[] = [];
      let most = 0;
      for (let i = 0; i < 6; i++) {
        const client = await RawClient.open(gateway.grpc);
        clients.push(client);
        client.send(windowUpdate(0, 2 ** 30));
        for (let k = 0; k < 10; k++) {
          await client.flush(call(2 * k + 1, fields, body));
          most = Math.max(most, sumOf(await heldBytes(gateway.admin)));
        }
      }
      const refused = (): Answer[] =>
        clients
          .flatMap((client) => [...client.answers.values()])
          .filter((answer) => fieldOf(answer, 'grpc-status') === '8' || fieldOf(answer, ':status') === '429');
      await waitFor(() => refused().length > 0, 10_000, 'a refusal');
      for (const answer of refused())
        assert.ok(
          fieldOf(answer, 'grpc-retry-pushback-ms') === '1000' || fieldOf(answer, 'retry-after') === '1',
        );
      most = Math.max(most, sumOf(await heldBytes(gateway.admin)));
      assert.ok(most > limit * 0.9 && most <= limit * 1.25, `${most} bytes were held of ${limit}`);
      for (const client of clients) client.destroy();
      await emptied(gateway.admin);
    });
  }

  it('lets the copies for a mirror go first', async () => {
    const backend = await rawBackend({ onCall: (made) => made.send(rawAnswer(made.id, predictReply)) });
    const other = await rawBackend();
    const gateway = await gatewayOf(backend.url, {
      ...small,
      fleets: { shadow: { backends: [other.url] } },
      models: {
        half_plus_two: { mirror: { model: 'shadowed', maxInFlight: 100 } },
        shadowed: { fleet: 'shadow' },
      },
    });
    const client = await RawClient.open(gateway.grpc);
    client.send(windowUpdate(0, 2 ** 30));
    let most = 0;
    for (let i = 0; i < 60; i++) {
      const body = framed(predictMessage('half_plus_two', floats));
      await client.flush(call(2 * i + 1, predictFields(), body));
      assert.equal(fieldOf(await client.untilEnd(2 * i + 1), 'grpc-status'), '0', `call ${i}`);
      most = Math.max(most, sumOf(await heldBytes(gateway.admin)));
    }
    assert.ok(most > limit * 0.8 && most <= limit * 1.25, `${most} bytes were held of ${limit}`);
    for (const made of other.came) made.send(rawAnswer(made.id, predictReply));
    client.destroy();
    await emptied(gateway.admin);
  });
});

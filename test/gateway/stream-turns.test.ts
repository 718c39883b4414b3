/**
 * ModelStreamInfer through the gRPC door before servers that have no streams: each message is one inference, in turn.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Code } from '../../src/base/status.ts';
import {
  chunksOf,
  decodeModelStreamInferResponse,
  encodeModelInferRequest,
  joined,
  noParameters,
  type V2InferRequest,
  type V2InferResponse,
  type V2Parameter,
} from '../../src/codec/index.ts';
import { startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

const text = (value: string) => ({ dtype: 'string', shape: [1], values: [[Buffer.from(value)]] }) as const;
const plain: V2InferRequest = {
  ...{ model: 'm', version: '', id: '', parameters: noParameters },
  inputs: new Map([['x', text('hi')]]),
  inputParameters: new Map(),
  outputs: [],
};
const asking = (more: Partial<V2InferRequest>): Buffer =>
  Buffer.from(joined(encodeModelInferRequest({ ...plain, ...more })));

/** A stream, and what has come of it. */
interface Stream {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly got: { readonly error: string; readonly reply: V2InferResponse }[];
  end: ServiceError | 'OK' | undefined;
}

/** A request at the backend, whose answer the test gives. */
interface Asked {
  readonly url: string;
  readonly body: { id: string; parameters?: object; inputs: { data: string[] }[] };
  answer(status: number, body: object): void;
  left: boolean;
}

const metadata = {
  ...{ name: 'm', versions: ['1'], platform: 'p' },
  inputs: [{ name: 'x', datatype: 'BYTES', shape: [1] }],
  outputs: [{ name: 'y', datatype: 'BYTES', shape: [1] }],
};
const answerOf = (value: string, id = ''): object => ({
  ...{ id, model_name: 'm', model_version: '1' },
  outputs: [{ name: 'y', datatype: 'BYTES', shape: [1], data: [value] }],
});

describe('a stream before a server without streams', () => {
  const servers: Server[] = [];
  const urls: string[] = [];
  let gateway: TestGateway;
  let clients: Client[] = [];
  let asked: Asked[] = [];
  /** Answers at once where it is set. */
  let answers: ((request: Asked) => void) | undefined;

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = request;
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (!url.endsWith('/infer')) {
        send(200, url.endsWith('/models/m') ? metadata : {});
        return;
      }
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Asked['body'];
      const one: Asked = { url, body, answer: send, left: false };
      response.on('close', () => (one.left = !response.writableFinished));
      asked.push(one);
      answers?.(one);
    });
  }

  async function listen(): Promise<Server> {
    const server = createServer(serve).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    urls.push(`kserve+http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return server;
  }
  async function close(server: Server): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  function open(address: string, compression = false): Stream {
    const client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      ...(compression ? { 'grpc.default_compression_algorithm': 2 } : {}),
    });
    clients.push(client);
    const same = (bytes: Buffer): Buffer => bytes;
    const call = client.makeBidiStreamRequest(
      '/inference.GRPCInferenceService/ModelStreamInfer',
      same,
      same,
      new Metadata(),
    );
    const stream: Stream = { call, got: [], end: undefined };
    call.on('data', (bytes: Buffer) => stream.got.push(decodeModelStreamInferResponse([bytes])));
    call.on('error', (error: ServiceError) => (stream.end = error));
    call.on('end', () => (stream.end ??= 'OK'));
    return stream;
  }
  const told = ({ got }: Stream): string[] =>
    got.map(({ error, reply }) => {
      const y = reply.outputs.get('y');
      const value = y?.dtype === 'string' ? joined(y.values[0] ?? []) : undefined;
      return `${reply.id} ${error === '' ? Buffer.from(value ?? []).toString() : error}`;
    });
  const ended = (stream: Stream): Promise<ServiceError | 'OK'> =>
    waitFor(() => stream.end, 5000, 'the end of the stream');
  const came = (count: number): Promise<true> =>
    waitFor(() => asked.length === count, 5000, `${count} requests at the backend`);

  before(async () => {
    await listen();
    gateway = await startTestGateway(urls, { deadlines: { defaultMs: 300, streamIdleMs: 2000 } });
  });
  after(async () => {
    await gateway.stop();
    for (const server of servers) if (server.listening) await close(server);
  });
  beforeEach(() => {
    asked = [];
    answers = undefined;
  });
  afterEach(() => {
    for (const client of clients) client.close();
    clients = [];
  });

  it('asks for each message when the one before is answered, and has no deadline', async () => {
    const stream = open(gateway.grpc);
    const parameters = new Map<string, V2Parameter>([
      ['triton_enable_empty_final_response', true],
      ['a', 1n],
    ]);
    stream.call.write(asking({ id: '1', parameters }));
    stream.call.write(asking({ id: '2', inputs: new Map([['x', text('ho')]]) }));
    stream.call.end();
    await came(1);
    // longer than a call may take
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(asked.length, 1);
    assert.deepEqual([asked[0]?.url, asked[0]?.body.id], ['/v2/models/m/infer', '1']);
    // which Triton refuses over HTTP
    assert.deepEqual(asked[0]?.body.parameters, { a: 1 });
    asked[0]?.answer(200, answerOf('one', '1'));
    await came(2);
    // the first answer does not wait for the second
    await waitFor(() => stream.got.length === 1, 5000, 'the first answer');
    assert.equal(asked[1]?.body.inputs[0]?.data[0], 'ho');
    asked[1]?.answer(200, answerOf('two', '2'));
    assert.equal(await ended(stream), 'OK');
    assert.deepEqual(told(stream), ['1 one', '2 two']);
    for (const { reply } of stream.got) {
      assert.deepEqual([reply.model, reply.version], ['m', '1']);
      assert.deepEqual([...reply.parameters], [['triton_final_response', true]]);
    }
  });

  it('answers a request that fails with its error and its id, and goes on', async () => {
    answers = (request) => {
      if (request.body.id === '1') request.answer(500, { error: 'the model failed' });
      else request.answer(200, answerOf('well'));
    };
    const stream = open(gateway.grpc);
    stream.call.write(asking({ id: '1' }));
    // a list of two strings in the bytes of one
    stream.call.write(asking({ id: '2', inputs: new Map([['x', { ...text('hi'), shape: [2] }]]) }));
    const shared = new Map([['x', new Map([['shared_memory_region', 'r']])]]);
    stream.call.write(asking({ id: '3', inputParameters: shared }));
    stream.call.write(asking({ id: '4' }));
    stream.call.end();
    assert.equal(await ended(stream), 'OK');
    const [first, second = '', third = '', fourth] = told(stream);
    assert.deepEqual([first, fourth], ['1 the model failed', '4 well']);
    assert.match(second, /^2 .*strings by its shape/);
    assert.match(third, /^3 .*shared memory/);
    assert.equal(asked.length, 2);
  });

  it('takes compressed messages', async () => {
    answers = (request) => {
      request.answer(200, answerOf(request.body.inputs[0]?.data[0] ?? ''));
    };
    const stream = open(gateway.grpc, true);
    for (const value of ['a', 'b'])
      stream.call.write(asking({ id: value, inputs: new Map([['x', text(value.repeat(5000))]]) }));
    stream.call.end();
    assert.equal(await ended(stream), 'OK');
    assert.deepEqual(told(stream), [`a ${'a'.repeat(5000)}`, `b ${'b'.repeat(5000)}`]);
  });

  it('ends with UNAVAILABLE when the backend dies within it', async () => {
    const server = await listen();
    const own = await startTestGateway(urls.slice(1, 2));
    const stream = open(own.grpc);
    stream.call.write(asking({ id: '1' }));
    await came(1);
    asked[0]?.answer(200, answerOf('one'));
    stream.call.write(asking({ id: '2' }));
    await came(2);
    await close(server);
    const end = await ended(stream);
    await own.stop();
    assert.equal(end !== 'OK' && end.code, Code.UNAVAILABLE);
    assert.deepEqual(told(stream), ['1 one']);
  });

  it('calls off the request under way when its client leaves', async () => {
    const stream = open(gateway.grpc);
    stream.call.write(asking({}));
    await came(1);
    stream.call.cancel();
    await waitFor(() => asked[0]?.left === true, 5000, 'the end at the backend');
  });

  it('asks no more while the answers are not read', async () => {
    const large = 'x'.repeat(400_000);
    answers = (request) => {
      request.answer(200, answerOf(large));
    };
    const stream = open(gateway.grpc);
    stream.call.pause();
    const count = 60;
    for (let i = 0; i < count; i++) stream.call.write(asking({}));
    stream.call.end();
    let last = -1;
    const isStill = async (): Promise<boolean> => {
      const now = asked.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
      const still = now === last && now > 0;
      last = now;
      return still;
    };
    await waitFor(isStill, 10_000, 'a backend that is asked no more');
    assert.ok(asked.length < count, `${asked.length} requests`);
    stream.call.resume();
    assert.equal(await ended(stream), 'OK');
    assert.equal(stream.got.length, count);
  });

  it('takes no more of the requests than one message and a window, while one is answered', async () => {
    const stream = open(gateway.grpc);
    const mebibyte = 'x'.repeat(1_048_576);
    const count = 24;
    for (let i = 0; i < count; i++) stream.call.write(asking({ inputs: new Map([['x', text(mebibyte)]]) }));
    await came(1);
    const held = async (): Promise<number> => {
      const metrics = await (await fetch(`http://${gateway.admin}/metrics`)).text();
      const lines = metrics.split('\n').filter((line) => line.startsWith('tensorgate_memory_held_bytes'));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    };
    let most = 0;
    for (let i = 0; i < 10; i++) {
      most = Math.max(most, await held());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // each of these once as protobuf and once as JSON, at the most
    assert.ok(most > 1_000_000 && most < 6_000_000, `${most} bytes`);
    answers = (request) => {
      request.answer(200, answerOf('well'));
    };
    asked[0]?.answer(200, answerOf('well'));
    stream.call.end();
    assert.equal(await ended(stream), 'OK');
    assert.equal(stream.got.length, count);
  });

  it("works before TensorFlow Serving's API, too", async () => {
    const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const own = await startTestGateway(fleet.backends.map(({ url }) => url));
    const stream = open(own.grpc);
    const x = chunksOf({ dtype: 'float', shape: [2], bytes: new Uint8Array(Float32Array.of(1, 2).buffer) });
    stream.call.write(asking({ model: 'half_plus_two', id: '1', inputs: new Map([['x', x]]) }));
    stream.call.write(asking({ model: 'half_plus_two', id: '2', inputs: new Map([['z', x]]) }));
    stream.call.end();
    const end = await ended(stream);
    await own.stop();
    await fleet.stop();
    assert.equal(end, 'OK');
    assert.deepEqual(
      stream.got.map(({ error, reply }) => [reply.id, error === '', reply.outputs.size]),
      [
        ['1', true, 1],
        ['2', false, 0],
      ],
    );
  });
});

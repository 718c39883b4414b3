/**
 * V2 infer over REST whose answers are server-sent events: before a gRPC server, one that streams over HTTP
 * (MLServer), and one that does not (Triton).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { getMetadata } from '../../src/call/index.ts';
import {
  decodeModelInferRequest,
  encodeModelMetadataResponse,
  tensorOf,
  type V2InferRequest,
} from '../../src/codec/index.ts';
import { ErrorCode, type ServerStream } from '../../src/wire/index.ts';
import { framed, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startWireServer, type WireServer } from '../support/wire.ts';
import { answered, ask, failure, type Generation, type Got, metadata, whole } from './generations.ts';

const events = { accept: 'text/event-stream' };
const input = { name: 'text_input', datatype: 'BYTES', shape: [1], data: ['hi'] };
const question = { id: '7', inputs: [input] };
const answer = (word: string, parameters = ''): string =>
  `{"model_name":"m","model_version":"1",${parameters}"outputs":[{"name":"text_output","datatype":"BYTES","shape":[1],"data":["${word}"]}]}`;
const event = (word: string, parameters?: string): string => `data: ${answer(word, parameters)}\n\n`;
const errorIn = ({ body }: Got): string => (JSON.parse(body) as { error: string }).error;

interface Seen {
  readonly url: string;
  readonly fields: IncomingMessage['headers'];
  readonly body: Buffer;
}

describe('infer with server-sent events for answers', () => {
  const rest: Server[] = [];
  let grpc: WireServer;
  const gateways = new Map<string, TestGateway>();
  const gatewayOf = (spoken: string): TestGateway => gateways.get(spoken) as TestGateway;
  /** Told of each that begins. */
  let begins: (generation: Generation) => void;
  const seen: Seen[] = [];
  let request: V2InferRequest | undefined;
  /** Of a unary call over gRPC: its status and message. */
  let refusal: readonly string[] = ['grpc-status', '0'];

  /** Of a stream over gRPC. */
  let endStatus = '0';

  const json = { 'content-type': 'application/json' };
  function overHttp(streams: boolean, asked: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = asked;
    if (url.endsWith('/v2/models/m')) {
      response.writeHead(200, json).end(JSON.stringify(metadata));
      return;
    }
    if (!url.includes('/infer')) {
      response.writeHead(200, json).end('{}');
      return;
    }
    const body: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => body.push(chunk));
    asked.on('end', () => {
      seen.push({ url, fields: asked.headers, body: Buffer.concat(body) });
      if (!url.endsWith('_stream')) {
        // as servers write it that indent
        response.writeHead(200, json).end(answer('one').replace(',"outputs"', ',\n "outputs"'));
        return;
      }
      if (!streams) {
        response.writeHead(404, json).end('{"error":"Not Found"}');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      begins({
        say: (word) => void response.write(event(word)),
        end: () => void response.end(),
        die: () => void response.destroy(),
        left: false,
      });
    });
  }

  function overGrpc(stream: ServerStream, fields: readonly string[]) {
    const path = getMetadata(fields, ':path') ?? '';
    let message = Buffer.alloc(0);
    const generation = { left: false };
    return {
      onData(chunk: Buffer) {
        message = Buffer.concat([message, chunk]);
      },
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        if (path.endsWith('ModelInfer')) stream.end(refusal);
        else if (!path.endsWith('ModelStreamInfer')) {
          stream.write(
            framed(
              path.endsWith('ModelMetadata')
                ? encodeModelMetadataResponse(metadata)
                : Uint8Array.from([8, 1]),
            ),
          );
          stream.end(['grpc-status', '0']);
        } else {
          request = decodeModelInferRequest([message.subarray(5)]);
          begins({
            say: (word) => {
              if (word.startsWith('!')) stream.write(failure(word.slice(1)));
              else stream.write(answered(word, new Map([['triton_final_response', word === 'last']])));
            },
            end: () => void stream.end(['grpc-status', endStatus]),
            die: () => void stream.reset(ErrorCode.INTERNAL_ERROR),
            get left() {
              return generation.left;
            },
          });
        }
      },
      onReset() {
        generation.left = true;
      },
    };
  }

  before(async () => {
    grpc = await startWireServer(overGrpc);
    const config = {
      models: { m: {}, renamed: { model: 'm' } },
      deadlines: { defaultMs: 400, streamIdleMs: 1500 },
    };
    const urls = new Map([['grpc', grpc.url.replace('grpc:', 'kserve:')]]);
    for (const streams of [true, false]) {
      const server = createServer((asked, response) => {
        overHttp(streams, asked, response);
      });
      rest.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      urls.set(
        streams ? 'http' : 'http without streams',
        `kserve+http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      );
    }
    for (const [spoken, url] of urls) gateways.set(spoken, await startTestGateway([url], config));
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    for (const server of rest) {
      server.closeAllConnections();
      server.close();
    }
    grpc.close();
  });
  beforeEach(() => {
    begins = (generation) => {
      generation.say('one');
      generation.end();
    };
    seen.length = 0;
    request = undefined;
    endStatus = '0';
  });

  for (const spoken of ['http', 'grpc'])
    it(`gives each answer as it comes before ${spoken}, and ends in order`, async () => {
      let begun: Generation | undefined;
      begins = (generation) => {
        begun = generation;
        generation.say('one');
      };
      const got = await ask(gatewayOf(spoken), 'infer', question, events);
      const parameters = spoken === 'grpc' ? '"parameters":{"triton_final_response":false},' : '';
      assert.equal(got.status, 200);
      assert.equal(got.fields['content-type'], 'text/event-stream; charset=utf-8');
      assert.ok(got.fields['x-served-by']?.toString().startsWith('127.0.0.1:'));
      // the second is said only when the first is here
      await waitFor(() => got.body === event('one', parameters), 5000, 'the first event');
      begun?.say('two');
      const both = event('one', parameters) + event('two', parameters);
      await waitFor(() => got.body === both, 5000, 'the second event');
      begun?.end();
      await waitFor(() => got.whole === true, 5000, 'the end');
    });

  for (const [path, accept] of [
    ['infer_stream', '*/*'],
    ['versions/1/infer_stream', 'application/json'],
    ['infer', 'text/event-stream;q=0.9, */*'],
    ['infer', 'text/html, Text/Event-Stream'],
  ] as const)
    it(`is what ${path} with "${accept}" asks for`, async () => {
      const got = await whole(ask(gatewayOf('grpc'), path, question, { accept }));
      assert.equal(got.fields['content-type'], 'text/event-stream; charset=utf-8', got.body);
      assert.equal(request?.version, path.startsWith('versions') ? '1' : '');
    });

  for (const accept of [
    '*/*',
    'text/event-stream;q=0',
    'text/event-stream, application/json',
    'text/event-streams',
  ])
    it(`is not what "${accept}" asks for`, async () => {
      refusal = ['grpc-status', '3', 'grpc-message', 'one answer was asked for'];
      const got = await whole(ask(gatewayOf('grpc'), 'infer', question, { accept }));
      assert.deepEqual([got.status, errorIn(got)], [400, 'one answer was asked for']);
    });

  it('passes a request as it is to a server that streams over HTTP', async () => {
    const got = await whole(ask(gatewayOf('http'), '../renamed/versions/v1/infer', question, events));
    assert.equal(got.body, event('one'));
    assert.equal(seen[0]?.url, '/v2/models/m/versions/v1/infer_stream');
    assert.equal(seen[0]?.body.toString(), JSON.stringify(question));
  });

  it('is refused where its shapes have more elements than memory: servers die of such', async () => {
    const huge = { inputs: [{ ...input, datatype: 'FP32', shape: [16, 2 ** 50], data: [1] }] };
    for (const spoken of ['http', 'http without streams', 'grpc']) {
      const got = await whole(ask(gatewayOf(spoken), 'infer', huge, events));
      assert.ok([400, 429].includes(got.status), `${spoken}: ${got.status} ${got.body}`);
      assert.match(errorIn(got), /text_input/);
    }
    assert.equal(seen.length, 0);
  });

  it('is one event of one line where a server over HTTP has no streams, which it is asked for once', async () => {
    const gateway = gatewayOf('http without streams');
    for (const urls of [['/v2/models/m/infer_stream', '/v2/models/m/infer'], ['/v2/models/m/infer']]) {
      seen.length = 0;
      const got = await whole(ask(gateway, 'infer', question, events));
      assert.equal(got.fields['content-type'], 'text/event-stream; charset=utf-8');
      assert.equal(got.body, event('one').replace(',"outputs"', ',  "outputs"'));
      assert.deepEqual(
        seen.map(({ url, body }) => [url, body.toString()]),
        urls.map((url) => [url, JSON.stringify(question)]),
      );
    }
  });

  it('takes tensors behind the JSON, and gives none', async () => {
    const front = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'sizes', datatype: 'INT32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
        parameters: { triton_enable_empty_final_response: true },
      }),
    );
    const body = Buffer.concat([front, Buffer.from(Int32Array.of(5, 6).buffer)]);
    const headers = { ...events, 'inference-header-content-length': String(front.length) };
    const got = await whole(ask(gatewayOf('grpc'), 'infer', body, headers));
    assert.equal(got.status, 200, got.body);
    const sizes = request?.inputs.get('sizes');
    const tensor = sizes === undefined ? undefined : tensorOf(sizes);
    assert.deepEqual(
      tensor !== undefined && 'bytes' in tensor ? [...tensor.bytes] : [],
      [5, 0, 0, 0, 6, 0, 0, 0],
    );
    assert.deepEqual([...(request?.parameters ?? [])], [['triton_enable_empty_final_response', true]]);
    await whole(ask(gatewayOf('http'), 'infer', body, headers));
    assert.equal(seen[0]?.fields['inference-header-content-length'], String(front.length));
    assert.deepEqual(seen[0].body, body);

    for (const asked of [
      { ...question, parameters: { binary_data_output: true } },
      { ...question, outputs: [{ name: 'text_output', parameters: { binary_data: true } }] },
    ]) {
      const refused = await whole(ask(gatewayOf('grpc'), 'infer', asked, events));
      assert.equal(refused.status, 400);
      assert.match(errorIn(refused), /events carry JSON alone/);
    }
    const raw = { ...events, 'inference-header-content-length': '0' };
    const refused = await whole(ask(gatewayOf('grpc'), 'infer', Buffer.from('hi'), raw));
    assert.equal(refused.status, 400);
    assert.match(errorIn(refused), /raw tensor/);
  });

  it('has an error for the first answer as a status, a later one as an event', async () => {
    begins = (generation) => {
      generation.say('!no such word');
      generation.end();
    };
    const first = await whole(ask(gatewayOf('grpc'), 'infer', question, events));
    assert.deepEqual([first.status, errorIn(first)], [400, 'no such word']);
    begins = (generation) => {
      generation.say('one');
      generation.say('!not two');
      generation.say('last');
      generation.end();
    };
    const later = await whole(ask(gatewayOf('grpc'), 'infer', question, events));
    const final = (is: boolean): string => `"parameters":{"triton_final_response":${is}},`;
    assert.equal(
      later.body,
      `${event('one', final(false))}data: {"error":"not two"}\n\n${event('last', final(true))}`,
    );
    assert.equal(later.whole, true);
  });

  for (const path of ['infer', 'generate_stream'])
    it(`${path}: has the answers that came together with the error behind them`, async () => {
      endStatus = '13';
      const body = path === 'infer' ? question : { text_input: 'hi' };
      const got = await whole(ask(gatewayOf('grpc'), path, body, events));
      assert.equal(got.status, 200, got.body);
      assert.match(got.body, /^data: {.*"one".*}\n\n\n\ndata: {"error":.*}\n\n$/);
      assert.equal(got.whole, false);
    });

  for (const spoken of ['http', 'grpc']) {
    it(`tells a stream that breaks off before ${spoken}, and one that is silent, and leaves it without an end`, async () => {
      for (const [ends, message] of [
        [true, /127\.0\.0\.1/],
        [false, /^the stream was silent for 1500 ms$/],
      ] as const) {
        let begun: Generation | undefined;
        begins = (generation) => {
          begun = generation;
          generation.say('one');
        };
        const got = await ask(gatewayOf(spoken), 'infer', question, events);
        await waitFor(() => got.body !== '', 5000, 'the first event');
        if (ends) begun?.die();
        await waitFor(() => got.whole !== undefined, 5000, 'the end');
        assert.equal(got.whole, false);
        const told = got.body.split('\n').at(-3) ?? '';
        assert.match((JSON.parse(told.slice(6)) as { error: string }).error, message);
      }
    });
  }

  it('is cancelled at the backend when its client leaves', async () => {
    let begun: Generation | undefined;
    begins = (generation) => {
      begun = generation;
      generation.say('one');
    };
    const got = await ask(gatewayOf('grpc'), 'infer', question, events);
    await waitFor(() => got.body !== '', 5000, 'the first event');
    got.leave();
    await waitFor(() => begun?.left === true, 5000, 'the end at the backend');
  });

  it('is what a client is told to ask for that has asked a decoupled model for one answer', async () => {
    refusal = [
      ...['grpc-status', '12', 'grpc-message'],
      "ModelInfer RPC doesn't support models with decoupled transaction policy",
    ];
    const got = await whole(ask(gatewayOf('grpc'), 'infer', question));
    assert.equal(got.status, 501);
    assert.match(errorIn(got), /decoupled transaction policy; ask with "Accept: text\/event-stream"/);
  });
});

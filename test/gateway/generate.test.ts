/**
 * Triton's generate extension through the REST door: before a server over HTTP, whose answers pass as they are, and
 * before one over gRPC.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { getMetadata } from '../../src/call/index.ts';
import {
  decodeModelInferRequest,
  encodeModelMetadataResponse,
  tensorOf,
  type V2InferRequest,
} from '../../src/codec/index.ts';
import { startDemoFleet } from '../../src/demo/index.ts';
import { ErrorCode, type ServerStream } from '../../src/wire/index.ts';
import { framed, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startWireServer, type WireServer } from '../support/wire.ts';
import { answered, ask, event, failure, type Generation, metadata, whole } from './generations.ts';

/** What the backend was asked over HTTP. */
interface Seen {
  readonly url: string;
  readonly body: string;
}

describe('generate', () => {
  let rest: Server;
  let grpc: WireServer;
  let folder: string;
  const gateways = new Map<string, TestGateway>();
  const gatewayOf = (spoken: string): TestGateway => gateways.get(spoken) as TestGateway;
  /** Told of each generation that begins. */
  let begins: (generation: Generation) => void;
  let seen: Seen | V2InferRequest | undefined;
  let deadline: string | undefined;

  function overHttp(asked: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = asked;
    const json = { 'content-type': 'application/json' };
    if (url === '/v2/models/m') {
      response.writeHead(200, json).end(JSON.stringify(metadata));
      return;
    }
    if (!url.includes('/generate')) {
      response.writeHead(200, json).end('{}');
      return;
    }
    let body = '';
    asked.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    asked.on('end', () => {
      seen = { url, body };
      const isStream = url.endsWith('_stream');
      const generation = { left: false };
      response.on('close', () => (generation.left = true));
      begins({
        say: (word) => {
          if (isStream && !response.headersSent)
            response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
          if (!isStream && !response.headersSent) response.writeHead(200, json);
          response.write(isStream ? event(word) : event(word).slice(6, -2));
        },
        end: () => void response.end(),
        die: () => void response.destroy(),
        get left() {
          return generation.left;
        },
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
        const ends = (code: number, answer?: Uint8Array): void => {
          if (answer !== undefined) stream.write(framed(answer));
          stream.end(['grpc-status', String(code)]);
        };
        if (path.endsWith('ModelMetadata')) ends(0, encodeModelMetadataResponse(metadata));
        else if (!path.endsWith('ModelStreamInfer')) ends(0, Uint8Array.from([8, 1]));
        else {
          seen = decodeModelInferRequest([message.subarray(5)]);
          deadline = getMetadata(fields, 'grpc-timeout');
          begins({
            say: (word) => {
              if (word.startsWith('!')) stream.write(failure(word.slice(1)));
              else stream.write(answered(word, new Map([['triton_final_response', false]])));
            },
            end: () => void stream.end(['grpc-status', '0']),
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
    folder = mkdtempSync(join(tmpdir(), 'generate-'));
    rest = createServer(overHttp).listen(0, '127.0.0.1');
    await once(rest, 'listening');
    grpc = await startWireServer(overGrpc);
    const config = {
      models: { m: {}, renamed: { model: 'm' } },
      deadlines: { defaultMs: 400, streamIdleMs: 1500 },
      telemetry: { logLevel: 'info', accessLog: 'all' },
    };
    for (const [spoken, url] of [
      ['http', `kserve+http://127.0.0.1:${(rest.address() as AddressInfo).port}`],
      ['grpc', grpc.url.replace('grpc:', 'kserve:')],
    ] as const)
      gateways.set(spoken, await startTestGateway([url], config, {}, join(folder, spoken)));
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    rest.closeAllConnections();
    rest.close();
    grpc.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    begins = (generation) => {
      generation.say('hello');
      generation.end();
    };
    seen = undefined;
  });

  /** What counts answers of the REST door, and lines of its log. */
  async function traces(spoken: string): Promise<{ samples: string[]; lines: Record<string, unknown>[] }> {
    const metrics = await (await fetch(`http://${gatewayOf(spoken).admin}/metrics`)).text();
    const samples = metrics.split('\n').filter((line) => /^tensorgate_http_responses_total/.test(line));
    const lines = readFileSync(join(folder, spoken), 'utf8').split('\n').slice(0, -1);
    return {
      samples,
      lines: lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === 'call' || msg === 'http'),
    };
  }
  const total = (samples: readonly string[]): number =>
    samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);

  for (const spoken of ['http', 'grpc'] as const) {
    describe(`before a server over ${spoken}`, () => {
      it('gives the one answer', async () => {
        const got = await whole(ask(gatewayOf(spoken), 'generate', { text_input: 'hi' }));
        assert.equal(got.status, 200, got.body);
        assert.equal(got.fields['content-type'], 'application/json');
        assert.deepEqual(JSON.parse(got.body), { model_name: 'm', model_version: '1', text_output: 'hello' });
        assert.ok(got.fields['x-served-by']?.toString().startsWith('127.0.0.1:'));
      });

      it('gives each answer of a stream as it comes, and ends in order', async () => {
        let generation: Generation | undefined;
        begins = (begun) => {
          generation = begun;
          begun.say('one');
        };
        const got = await ask(gatewayOf(spoken), 'generate_stream', { text_input: 'hi' });
        assert.equal(got.status, 200);
        assert.equal(got.fields['content-type'], 'text/event-stream; charset=utf-8');
        // the second is said only when the first is here
        await waitFor(() => got.body === event('one'), 5000, 'the first event');
        generation?.say('two');
        await waitFor(() => got.body === event('one') + event('two'), 5000, 'the second event');
        generation?.end();
        await waitFor(() => got.whole === true, 5000, 'the end');
      });

      it('has no deadline unless its client sets one', async () => {
        begins = (generation) => {
          setTimeout(() => {
            generation.say('late');
            generation.end();
          }, 600);
        };
        const got = await whole(ask(gatewayOf(spoken), 'generate', { text_input: 'hi' }));
        assert.equal(got.status, 200, got.body);
        if (spoken === 'grpc') assert.equal(deadline, undefined);
      });

      it('ends when it is silent for too long, and says so', async () => {
        begins = (generation) => {
          generation.say('one');
        };
        const got = await whole(ask(gatewayOf(spoken), 'generate_stream', { text_input: 'hi' }));
        assert.equal(got.whole, false);
        assert.equal(got.body, `${event('one')}\n\ndata: {"error":"the stream was silent for 1500 ms"}\n\n`);
      });

      for (const path of ['generate', 'generate_stream'])
        it(`${path}: the backend hears at once that its client has left`, async () => {
          let generation: Generation | undefined;
          begins = (begun) => {
            generation = begun;
            if (path === 'generate_stream') begun.say('one');
          };
          const asked = request(`http://${gatewayOf(spoken).rest}/v2/models/m/${path}`, { method: 'POST' });
          asked.on('error', () => undefined);
          asked.end('{"text_input":"hi"}');
          await waitFor(() => generation !== undefined, 5000, 'the generation');
          asked.destroy();
          await waitFor(() => generation?.left === true, 5000, 'the end at the backend');
        });

      it('tells a stream that breaks off, and leaves it without an end', async () => {
        let generation: Generation | undefined;
        begins = (begun) => {
          generation = begun;
          begun.say('one');
        };
        const got = await ask(gatewayOf(spoken), 'generate_stream', { text_input: 'hi' });
        await waitFor(() => got.body !== '', 5000, 'the first event');
        generation?.die();
        await waitFor(() => got.whole !== undefined, 5000, 'the end');
        assert.equal(got.whole, false);
        const [, , told, ...rest] = got.body.slice(event('one').length).split('\n');
        assert.match((JSON.parse(told?.slice(6) ?? '') as { error: string }).error, /127\.0\.0\.1/);
        assert.deepEqual(rest, ['', '']);
      });

      it('answers with an error when the backend breaks off before it has answered', async () => {
        begins = (generation) => {
          generation.die();
        };
        for (const path of ['generate', 'generate_stream']) {
          const got = await whole(ask(gatewayOf(spoken), path, { text_input: 'hi' }));
          // a stream that is reset with INTERNAL_ERROR is INTERNAL in gRPC
          assert.equal(got.status, spoken === 'http' ? 503 : 500, got.body);
        }
      });

      it('counts and logs each answer once, with the id that its client has', async () => {
        for (const path of ['generate', 'generate_stream']) {
          const earlier = await traces(spoken);
          const got = await whole(ask(gatewayOf(spoken), path, { text_input: 'hi' }));
          const id = got.fields['x-request-id'];
          const isLogged = async () => (await traces(spoken)).lines.some((line) => line['id'] === id);
          await waitFor(isLogged, 5000, 'a line in the log');
          const { samples, lines } = await traces(spoken);
          assert.equal(total(samples) - total(earlier.samples), 1);
          const [line, ...more] = lines.filter((each) => each['id'] === id);
          assert.deepEqual(more, []);
          const { status, model, method, code } = line as Record<string, unknown>;
          assert.deepEqual(
            { status, model, method, code },
            {
              status: 200,
              model: 'm',
              method: `/inference.GRPCInferenceService/${path === 'generate' ? 'Generate' : 'GenerateStream'}`,
              code: 'OK',
            },
          );
        }
      });

      it('takes POST alone', async () => {
        const answer = await fetch(`http://${gatewayOf(spoken).rest}/v2/models/m/generate`);
        assert.equal(answer.status, 404);
        assert.match(await answer.text(), /this path takes POST/);
      });
    });
  }

  it('passes a request over HTTP as it is', async () => {
    const body = { text_input: 'hi', max_tokens: 5, parameters: { a: [1] } };
    const got = await whole(ask(gatewayOf('http'), '../renamed/versions/1/generate', body));
    assert.equal(got.status, 200, got.body);
    assert.deepEqual(seen, { url: '/v2/models/m/versions/1/generate', body: JSON.stringify(body) });
  });

  it('makes inputs and parameters of a request before gRPC', async () => {
    const body = { text_input: 'hi', sizes: [1, 2, 3, 4], id: '7', parameters: { flag: true, a: 1 }, b: 'x' };
    const got = await whole(ask(gatewayOf('grpc'), '../renamed/generate', body));
    assert.equal(got.status, 200, got.body);
    const asked = seen as V2InferRequest;
    assert.deepEqual([asked.model, asked.version, asked.id], ['m', '', '7']);
    assert.deepEqual([...asked.parameters].sort(), [
      ['a', 1n],
      ['b', 'x'],
      ['id', '7'],
    ]);
    const inputs = [...asked.inputs].map(([name, tensor]) => [name, tensor.shape, tensorOf(tensor)] as const);
    assert.deepEqual(
      inputs.map(([name, shape]) => [name, shape]),
      [
        ['text_input', [1]],
        ['sizes', [2, 2]],
        ['flag', [1]],
      ],
    );
    const [, , sizes] = inputs[1] as (typeof inputs)[1];
    assert.deepEqual(
      'bytes' in sizes ? [...sizes.bytes] : [],
      [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0],
    );
  });

  for (const [what, body, message] of [
    ['a list that fits no shape', { text_input: 'a', sizes: [1, 2, 3] }, /can not convert input 'sizes'/],
    ['a value of another type', { text_input: 5 }, /expected type: string/],
    ['lists within lists', { text_input: [['a']] }, /flat list/],
    ['a parameter that is a list', { text_input: 'a', x: [1] }, /parameter 'x' has invalid type/],
    ['parameters that are none', { text_input: 'a', parameters: 3 }, /parameters.* must be an object/],
    ['an id that is no text', { text_input: 'a', id: 5 }, /id.* must be a string/],
  ] as const)
    it(`refuses ${what} before gRPC`, async () => {
      const got = await whole(ask(gatewayOf('grpc'), 'generate_stream', body));
      assert.equal(got.status, 400, got.body);
      assert.match(got.body, message);
      assert.equal(seen, undefined);
    });

  it('refuses a second answer to generate before gRPC, and a first one that is an error', async () => {
    let generation: Generation | undefined;
    begins = (begun) => {
      generation = begun;
      begun.say('one');
      begun.say('two');
    };
    const two = await whole(ask(gatewayOf('grpc'), 'generate', { text_input: 'hi' }));
    assert.equal(two.status, 400);
    assert.match(two.body, /exactly 1 response/);
    await waitFor(() => generation?.left === true, 5000, 'the end at the backend');
    begins = (begun) => {
      begun.say('!no such word');
      begun.end();
    };
    for (const path of ['generate', 'generate_stream']) {
      const failed = await whole(ask(gatewayOf('grpc'), path, { text_input: 'hi' }));
      assert.deepEqual([failed.status, JSON.parse(failed.body)], [400, { error: 'no such word' }]);
    }
  });

  it('gives an error in the middle of a stream as one more event before gRPC', async () => {
    begins = (generation) => {
      generation.say('one');
      generation.say('!not two');
      generation.say('three');
      generation.end();
    };
    const got = await whole(ask(gatewayOf('grpc'), 'generate_stream', { text_input: 'hi' }));
    assert.equal(got.body, `${event('one')}data: {"error":"not two"}\n\n${event('three')}`);
    assert.equal(got.whole, true);
  });

  it('is refused with a reason where the server has nothing like it, and by what refuses calls', async () => {
    const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const limit = { name: 'few', perSecond: 0.01, burst: 1 };
    const gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { rateLimits: [limit] },
    );
    const post = (): Promise<Response> =>
      fetch(`http://${gateway.rest}/v2/models/half_plus_two/generate_stream`, { method: 'POST', body: '{}' });
    const first = await post();
    const text = await first.text();
    const second = await post();
    await gateway.stop();
    await fleet.stop();
    assert.equal(first.status, 501);
    assert.match(text, /GenerateStream of the KServe V2 API has no equivalent in TensorFlow Serving's API/);
    assert.equal(second.status, 429);
  });
});

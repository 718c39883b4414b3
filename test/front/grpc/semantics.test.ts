/** What gRPC promises of a call, kept from one end to the other: a wire client, the whole gateway, a scripted backend. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../../src/call/index.ts';
import { startTestGateway, type TestGateway } from '../../support/index.ts';
import { connectWire, framed, grpcFields, startWireServer, type WireServer } from '../../support/wire.ts';

const path = '/any.Service/Method';
const ok = ['grpc-status', '0'];
const reply = framed(Buffer.from('reply'));

let backend: WireServer;
let gateway: TestGateway;
let client: Awaited<ReturnType<typeof connectWire>>;

/** What the backend does with the next calls, by path. */
const script = new Map<string, Parameters<typeof startWireServer>[0]>();

before(async () => {
  backend = await startWireServer((stream, fields) => {
    const answer = script.get(getMetadata(fields, ':path') ?? '');
    if (answer !== undefined) return answer(stream, fields);
    return {
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        stream.write(reply);
        stream.end(ok);
      },
    };
  });
  gateway = await startTestGateway([backend.url], { grpc: { passthrough: true } });
  client = await connectWire(Number(gateway.grpc.split(':')[1]));
});
after(async () => {
  client.destroy();
  await gateway.stop();
  backend.close();
});

const lastRequest = (): readonly string[] => backend.requests.at(-1) ?? [];

describe('deadlines', () => {
  it('passes no grpc-timeout to a service that it does not know when the client sent none', async () => {
    const { trailers } = await client.call(grpcFields(path), framed(Buffer.from('x'))).done;
    assert.deepEqual(trailers, ok);
    assert.equal(getMetadata(lastRequest(), ':path'), path);
    assert.equal(getMetadata(lastRequest(), 'grpc-timeout'), undefined);
  });

  it('passes its own default on to a model server, which need not work on for a client that is answered', async () => {
    const predict = '/tensorflow.serving.PredictionService/Predict';
    script.set('/tensorflow.serving.ModelService/GetModelStatus', (stream) => ({
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '5'], true);
      },
    }));
    // model_spec { name: "m" }
    await client.call(grpcFields(predict), framed(Buffer.from([0x0a, 3, 0x0a, 1, 0x6d]))).done;
    const requests = backend.requests.filter((fields) => getMetadata(fields, ':path') === predict);
    assert.match(getMetadata(requests.at(-1) ?? [], 'grpc-timeout') ?? '', /^29\d{3}m$/);
  });

  it('passes on what remains of the client’s own', async () => {
    await client.call(grpcFields(path, ['grpc-timeout', '5S']), framed(Buffer.from('x'))).done;
    const left = /^(\d+)m$/.exec(getMetadata(lastRequest(), 'grpc-timeout') ?? '');
    assert.ok(left !== null && Number(left[1]) <= 5000 && Number(left[1]) > 4000, String(left));
  });

  it('answers DEADLINE_EXCEEDED itself, and cancels at the backend, when the backend stays silent', async () => {
    let cancelled: ((code: number) => void) | undefined;
    const reset = new Promise<number>((resolve) => (cancelled = resolve));
    script.set('/any.Service/Silent', () => ({ onReset: (code) => cancelled?.(code) }));
    const started = performance.now();
    const { headers } = await client.call(
      grpcFields('/any.Service/Silent', ['grpc-timeout', '100m']),
      framed(Buffer.from('x')),
    ).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '4');
    assert.ok(performance.now() - started >= 99);
    assert.equal(await reset, 8);
  });

  for (const [name, act] of [
    ['resets with CANCEL', (stream) => stream.reset(8)],
    ['answers CANCELLED', (stream) => stream.respond([':status', '200', 'grpc-status', '1'], true)],
  ] as const satisfies [string, (stream: Parameters<Parameters<typeof startWireServer>[0]>[0]) => void][]) {
    it(`says DEADLINE_EXCEEDED when the backend ${name} at the deadline, a moment before the gateway would`, async () => {
      script.set('/any.Service/Early', (stream) => {
        setTimeout(() => act(stream), 97);
        return {};
      });
      const { headers } = await client.call(
        grpcFields('/any.Service/Early', ['grpc-timeout', '100m']),
        framed(Buffer.from('x')),
      ).done;
      assert.equal(getMetadata(headers, 'grpc-status'), '4');
    });
  }

  it('passes a backend’s CANCELLED on when the deadline is far', async () => {
    script.set('/any.Service/Cancels', (stream) => {
      stream.reset(8);
      return {};
    });
    const { headers } = await client.call(
      grpcFields('/any.Service/Cancels', ['grpc-timeout', '100S']),
      framed(Buffer.from('x')),
    ).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '1');
  });
});

describe('content types', () => {
  it('answers its own errors in the subtype that the client speaks', async () => {
    const fields = grpcFields(path, ['grpc-timeout', 'soon']).map((text) =>
      text === 'application/grpc' ? 'application/grpc+json' : text,
    );
    const { headers } = await client.call(fields, framed(Buffer.from('{}'))).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '13');
    assert.equal(getMetadata(headers, 'content-type'), 'application/grpc+json');
  });
});

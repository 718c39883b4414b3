/** Which deadline a call has, by its kind, its model and its client: as its backend sees it on the wire. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../src/call/index.ts';
import { encodeGetModelStatusResponse, modelState } from '../../src/codec/index.ts';
import { framed, startTestGateway, type TestGateway } from '../support/index.ts';
import { connectWire, grpcFields, startWireServer, type WireServer } from '../support/wire.ts';

const predict = '/tensorflow.serving.PredictionService/Predict';
const modelStatus = '/tensorflow.serving.ModelService/GetModelStatus';
const streamInfer = '/inference.GRPCInferenceService/ModelStreamInfer';
const modelInfer = '/inference.GRPCInferenceService/ModelInfer';

/** Every model is there, and every inference ends with UNIMPLEMENTED: what counts is how it was asked. */
const available = encodeGetModelStatusResponse([
  { version: 1n, state: modelState.AVAILABLE, errorCode: 0, errorMessage: '' },
]);
const yes = Uint8Array.from([0x08, 1]);
const answerTo = (path: string): Uint8Array | undefined =>
  path === modelStatus ? available : /(Live|Ready)$/.test(path) ? yes : undefined;

const startServer = (): Promise<WireServer> =>
  startWireServer((stream, fields) => ({
    onEnd() {
      const answer = answerTo(getMetadata(fields, ':path') ?? '');
      stream.respond([':status', '200', 'content-type', 'application/grpc']);
      if (answer !== undefined) stream.write(framed(answer));
      stream.end(['grpc-status', answer === undefined ? '12' : '0']);
    },
  }));

/** `model_name` of V2, and `model_spec { name }` of TensorFlow Serving. */
const byName = (name: string): Buffer => Buffer.from([0x0a, name.length, ...Buffer.from(name)]);
const bySpec = (name: string): Buffer => Buffer.from([0x0a, name.length + 2, ...byName(name)]);

const models = {
  usual: {},
  slow: { deadlines: { defaultMs: 1_800_000, maxMs: 3_600_000 } },
  quick: { deadlines: { maxMs: 2000 } },
  renamed: { model: 'other', deadlines: { defaultMs: 7000 } },
  alias: { model: 'slow' },
};

describe('the deadline of a call, as its backend sees it', () => {
  let tfs: WireServer;
  let kserve: WireServer;
  const gateways: TestGateway[] = [];
  let client: Awaited<ReturnType<typeof connectWire>>;
  before(async () => {
    tfs = await startServer();
    kserve = await startServer();
    for (const url of [tfs.url.replace('grpc:', 'tfs:'), kserve.url.replace('grpc:', 'kserve:')])
      gateways.push(await startTestGateway([url], { models }));
    client = await connectWire(Number(gateways[0]?.grpc.split(':')[1]));
  });
  after(async () => {
    tfs.close();
    kserve.close();
    client.destroy();
    for (const gateway of gateways) await gateway.stop();
  });

  /** What was left when the newest call of a method came, in ms; undefined: no deadline. */
  function leftMs(server: WireServer, path: string): number | undefined {
    const fields = server.requests.findLast((each) => getMetadata(each, ':path') === path);
    assert.ok(fields !== undefined, `${path} did not come`);
    const text = getMetadata(fields, 'grpc-timeout');
    if (text === undefined) return undefined;
    const match = /^(\d+)([mS])$/.exec(text);
    assert.ok(match !== null, text);
    return Number(match[1]) * (match[2] === 'S' ? 1000 : 1);
  }
  function near(leftOf: number | undefined, ms: number): void {
    assert.ok(leftOf !== undefined && leftOf <= ms && leftOf > ms - 1500, `${leftOf} of ${ms}`);
  }

  // asked: what the client says; ms: what the backend hears
  const table: readonly (readonly [model: string, asked: string | undefined, ms: number])[] = [
    ['usual', undefined, 30_000],
    ['usual', '45S', 45_000],
    ['usual', '1H', 600_000],
    ['slow', undefined, 1_800_000],
    ['slow', '40M', 2_400_000],
    ['slow', '5S', 5000],
    ['slow', '9H', 3_600_000],
    ['quick', undefined, 2000],
    ['quick', '45S', 2000],
    ['renamed', undefined, 7000],
    ['alias', undefined, 1_800_000],
  ];
  for (const [model, asked, ms] of table) {
    const title = `${model}, ${asked === undefined ? 'none asked' : `${asked} asked`}: ${ms} ms`;
    const timeout = asked === undefined ? [] : ['grpc-timeout', asked];

    it(`gRPC and gRPC-Web: ${title}`, async () => {
      for (const type of ['application/grpc', 'application/grpc-web+proto']) {
        const before = tfs.requests.length;
        const fields = grpcFields(predict, timeout).map((text) =>
          text === 'application/grpc' ? type : text,
        );
        await client.call(fields, framed(bySpec(model))).done;
        assert.ok(tfs.requests.length > before);
        near(leftMs(tfs, predict), ms);
      }
    });

    it(`REST: ${title}`, async () => {
      const headers = asked === undefined ? {} : { 'grpc-timeout': asked };
      const [rest, v2] = gateways.map((gateway) => gateway.rest);
      const body = JSON.stringify({ examples: [{ x: 1 }] });
      await fetch(`http://${rest}/v1/models/${model}:regress`, { method: 'POST', headers, body });
      near(leftMs(tfs, '/tensorflow.serving.PredictionService/Regress'), ms);
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }];
      const url = `http://${v2}/v2/models/${model}/infer`;
      await fetch(url, { method: 'POST', headers, body: JSON.stringify({ inputs }) });
      near(leftMs(kserve, modelInfer), ms);
    });
  }

  it('a stream has the one that its client asks for, and none without', async () => {
    const streams = await connectWire(Number(gateways[1]?.grpc.split(':')[1]));
    const asked = async (more: readonly string[]): Promise<number | undefined> => {
      await streams.call(grpcFields(streamInfer, more), framed(byName('quick'))).done;
      return leftMs(kserve, streamInfer);
    };
    assert.equal(await asked([]), undefined);
    near(await asked(['grpc-timeout', '2H']), 7_200_000);
    // no timer takes more
    near(await asked(['grpc-timeout', '99999999H']), 2 ** 31 - 1);
    streams.destroy();
  });

  it('a stream that is silent outlives the deadline of calls, and ends by its silence', async () => {
    const quiet = await startWireServer((stream, fields) => ({
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        if (getMetadata(fields, ':path') === streamInfer) return;
        stream.write(framed(yes));
        stream.end(['grpc-status', '0']);
      },
    }));
    const gateway = await startTestGateway([quiet.url.replace('grpc:', 'kserve:')], {
      models: { quick: { deadlines: { defaultMs: 100, maxMs: 100 } } },
      deadlines: { defaultMs: 100, maxMs: 100, streamIdleMs: 800 },
    });
    const streams = await connectWire(Number(gateway.grpc.split(':')[1]));
    try {
      for (const type of ['application/grpc', 'application/grpc-web+proto']) {
        const fields = grpcFields(streamInfer).map((text) => (text === 'application/grpc' ? type : text));
        const { trailers, body } = await streams.call(fields, framed(byName('quick'))).done;
        // gRPC-Web has its trailers in the body
        const end = type === 'application/grpc' ? trailers.join(': ') : body.toString();
        assert.match(end, /grpc-status: ?4/);
        assert.match(end, /the stream was silent for 800 ms/);
      }
    } finally {
      quiet.close();
      streams.destroy();
      await gateway.stop();
    }
  });

  it('holds over REST also while the signature of the model is asked for', { timeout: 60_000 }, async (t) => {
    const silent = await startWireServer((stream, fields) => ({
      onEnd() {
        if (getMetadata(fields, ':path') !== modelStatus) return;
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        stream.write(framed(available));
        stream.end(['grpc-status', '0']);
      },
    }));
    const gateway = await startTestGateway([silent.url.replace('grpc:', 'tfs:')], { models: { usual: {} } });
    t.after(async () => {
      silent.close();
      await gateway.stop();
    });
    for (const path of ['usual:predict', 'usual/metadata']) {
      const post = path.endsWith('predict') ? { method: 'POST', body: '{"instances":[1]}' } : {};
      const startMs = performance.now();
      const headers = { 'grpc-timeout': '300m' };
      const answer = await fetch(`http://${gateway.rest}/v1/models/${path}`, { ...post, headers });
      const tookMs = performance.now() - startMs;
      assert.equal(answer.status, 504, await answer.text());
      // the question itself may take 10 s, since others may wait for it
      assert.ok(tookMs > 290 && tookMs < 8000, `${tookMs} ms`);
    }
  });

  it('refuses a grpc-timeout over REST that is none, and lets pages send it', async () => {
    const url = `http://${gateways[0]?.rest}/v1/models/usual:regress`;
    for (const value of ['soon', '5', '-1S', '123456789S', '5S, 6S', '']) {
      const answer = await fetch(url, { method: 'POST', headers: { 'grpc-timeout': value }, body: '{}' });
      assert.equal(answer.status, 400, value);
      assert.match(((await answer.json()) as { error: string }).error, /malformed grpc-timeout/);
    }
    const asks = { origin: 'https://page.example', 'access-control-request-method': 'POST' };
    const headers = { ...asks, 'access-control-request-headers': 'content-type,grpc-timeout' };
    const preflight = await fetch(url, { method: 'OPTIONS', headers });
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /grpc-timeout/);
  });
});

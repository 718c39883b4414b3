/** What doors promise: gRPC-Web in both forms, CORS, TLS and mTLS everywhere, drain. */
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { decodePredictResponse, encodePredictRequest } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  makeCertificates,
  missing,
  python,
  run,
  sleep,
  startTestGateway,
  type TestGateway,
} from '../support/index.ts';

const predictPath = '/tensorflow.serving.PredictionService/Predict';

function framed(model = 'half_plus_two'): Buffer {
  const message = Buffer.concat(
    encodePredictRequest({
      spec: { name: model, signature: '' },
      inputs: new Map([
        ['x', { dtype: 'float', shape: [2], bytes: Buffer.from(new Float32Array([1, 5]).buffer) }],
      ]),
      outputFilter: [],
    }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Frames of a gRPC-Web reply: messages, and the trailer block as text. */
function parseFrames(body: Buffer): { messages: Buffer[]; trailers: string } {
  const messages: Buffer[] = [];
  let trailers = '';
  for (let at = 0; at < body.length;) {
    const length = body.readUInt32BE(at + 1);
    const payload = body.subarray(at + 5, at + 5 + length);
    if (((body[at] as number) & 0x80) !== 0) trailers += payload.toString('latin1');
    else messages.push(payload);
    at += 5 + length;
  }
  return { messages, trailers };
}

const floats = (message: Buffer): number[] => {
  const y = decodePredictResponse(message).outputs.get('y');
  assert.ok(y !== undefined && y.dtype !== 'string');
  return [...new Float32Array(new Uint8Array(y.bytes).buffer)];
};

let fleet: DemoFleet;
before(async () => {
  fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
});
after(() => fleet.stop());
const backends = (): string[] => fleet.backends.map(({ url }) => url);

describe('gRPC-Web', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway(backends());
  });
  after(() => gateway.stop());

  async function post(
    type: string,
    body: Buffer | string,
    more: Record<string, string> = {},
  ): Promise<{ status: number; headers: Headers; body: Buffer }> {
    const answer = await fetch(`http://${gateway.rest}${predictPath}`, {
      method: 'POST',
      body: body as never,
      headers: { 'content-type': type, 'x-grpc-web': '1', ...more },
    });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  }

  it('answers in binary', async () => {
    const answer = await post('application/grpc-web+proto', framed());
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/grpc-web+proto');
    const { messages, trailers } = parseFrames(answer.body);
    assert.deepEqual(messages.map(floats), [[2.5, 4.5]]);
    assert.match(trailers, /^grpc-status: 0\r\n/);
  });

  it('answers in text, frame by frame in whole groups of four', async () => {
    const answer = await post('application/grpc-web-text', framed().toString('base64'), {
      accept: 'application/grpc-web-text',
    });
    assert.equal(answer.headers.get('content-type'), 'application/grpc-web-text+proto');
    const pieces = answer.body.toString().match(/[^=]+=*/g) ?? [];
    const { messages, trailers } = parseFrames(
      Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))),
    );
    assert.deepEqual(messages.map(floats), [[2.5, 4.5]]);
    assert.match(trailers, /grpc-status: 0/);
  });

  it('tells an error in the trailer frame, which a page of another origin can read', async () => {
    const answer = await post('application/grpc-web+proto', framed('nope'), {
      origin: 'https://app.example',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    const { messages, trailers } = parseFrames(answer.body);
    assert.deepEqual(messages, []);
    assert.match(trailers, /grpc-status: 5\r\n/);
    assert.match(decodeURIComponent(trailers), /grpc-message: Servable not found/);
  });

  it('answers a preflight without asking anybody', async () => {
    const answer = await fetch(`http://${gateway.rest}${predictPath}`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-grpc-web',
      },
    });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('access-control-allow-headers'), 'content-type,x-grpc-web');
    assert.match(answer.headers.get('access-control-allow-methods') ?? '', /POST/);
  });

  it('refuses what is not base64, in a frame', async () => {
    const answer = await post('application/grpc-web-text', '!!!!');
    const text = Buffer.from(answer.body.toString(), 'base64').toString('latin1');
    assert.match(text, /grpc-status: 3/);
  });

  it('works over HTTP/2 too, and REST on the gRPC port', async () => {
    const session = http2.connect(`http://${gateway.grpc}`);
    const stream = session.request({ ':method': 'POST', ':path': '/v1/models/half_plus_two:predict' });
    stream.end('{"instances": [1.0]}');
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    assert.equal(Buffer.concat(chunks).toString(), '{"predictions":[2.5]}');
    session.close();
  });

  it('says 415 and 405 to what is no gRPC at an RPC path', async () => {
    assert.equal((await post('application/json', '{}')).status, 415);
    assert.equal((await fetch(`http://${gateway.rest}${predictPath}`)).status, 405);
  });
});

describe('TLS', { skip: missing('ovmsclient') }, () => {
  let file: (name: string) => string;
  let gateway: TestGateway;

  before(async () => {
    file = await makeCertificates('server', 'client');
    gateway = await startTestGateway(backends(), {
      doors: { tls: { cert: file('server.pem'), key: file('server.key'), clientCa: file('ca.pem') } },
    });
  });
  after(() => gateway.stop());

  const script = new URL('../clients/python/ovms.py', import.meta.url).pathname;
  const port = (address: string): string => address.slice(address.lastIndexOf(':'));

  it('serves ovmsclient with a client certificate, and refuses it without one', async () => {
    const args = [
      'grpc',
      `localhost${port(gateway.grpc)}`,
      'half_plus_two',
      'status',
      '--cert',
      file('ca.pem'),
    ];
    const mutual = await python('ovmsclient', script, [
      ...args,
      '--client-cert',
      file('client.pem'),
      '--client-key',
      file('client.key'),
    ]);
    assert.match(mutual.stdout, /AVAILABLE/, mutual.stderr);
    const alone = await python('ovmsclient', script, args);
    assert.match(alone.stdout, /ConnectionError|TimeoutError/, alone.stdout);
  });

  it('serves REST and the admin door with a client certificate', async () => {
    const tls = ['--cacert', file('ca.pem'), '--cert', file('client.pem'), '--key', file('client.key')];
    for (const flag of ['--http1.1', '--http2']) {
      const rest = await run('curl', [
        '-s',
        '-m',
        '5',
        flag,
        ...tls,
        '-d',
        '{"instances":[1.0]}',
        `https://localhost${port(gateway.rest)}/v1/models/half_plus_two:predict`,
      ]);
      assert.equal(rest.stdout, '{"predictions":[2.5]}', `${flag} ${rest.stderr}`);
    }
    const admin = await run('curl', [
      '-s',
      '-m',
      '5',
      ...tls,
      `https://localhost${port(gateway.admin)}/readyz`,
    ]);
    assert.match(admin.stdout, /"ready": true/);
    const refused = await run('curl', [
      '-s',
      '-m',
      '5',
      '--cacert',
      file('ca.pem'),
      `https://localhost${port(gateway.rest)}/v1/models/half_plus_two`,
    ]);
    assert.notEqual(refused.code, 0);
  });
});

describe('drain', () => {
  it('is not ready at once, serves for a grace time, and lets calls in flight finish', async () => {
    const slow = await startDemoFleet({
      replicas: 1,
      models: ['half_plus_two'],
      flags: ['--latency-ms', '800'],
    });
    const gateway = await startTestGateway(
      slow.backends.map(({ url }) => url),
      { shutdown: { graceMs: 600, drainMs: 5000 } },
    );
    const agent = new http.Agent({ keepAlive: true });
    const predict = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const request = http.request(
          `http://${gateway.rest}/v1/models/half_plus_two:predict`,
          { method: 'POST', agent },
          (answer) => {
            answer.resume();
            answer.on('end', () => {
              resolve(answer.statusCode ?? 0);
            });
          },
        );
        request.on('error', reject);
        request.end('{"instances":[1.0]}');
      });
    assert.equal((await fetch(`http://${gateway.admin}/readyz`)).status, 200);
    const inFlight = predict();
    await sleep(100);
    const drained = gateway.gateway.drain();
    await sleep(50);
    assert.equal((await fetch(`http://${gateway.admin}/readyz`)).status, 503);
    const late = predict();
    assert.deepEqual(await Promise.all([inFlight, late]), [200, 200]);
    await drained;
    await assert.rejects(predict());
    agent.destroy();
    await slow.stop();
  });
});

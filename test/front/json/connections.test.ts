/**
 * What clients may do with a connection: REST, V2, gRPC-Web and proxied requests on the same one, over HTTP/1.1 and
 * HTTP/2.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type DemoFleet, startDemoFleet } from '../../../src/demo/index.ts';
import { startGenerativeServer, startTestGateway, type TestGateway } from '../../support/index.ts';

const path = '/v1/models/half_plus_two:predict';
const body = '{"instances":[1.0]}';
const answer = '{"predictions":[2.5]}';
const head = (method: string, url: string, ...fields: string[]): string =>
  [`${method} ${url} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');
const post = (url = path, text = body, ...fields: string[]): string =>
  `${head('POST', url, `Content-Length: ${text.length}`, ...fields)}${text}`;

describe('a connection', () => {
  let fleet: DemoFleet;
  let generative: Awaited<ReturnType<typeof startGenerativeServer>>;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    generative = await startGenerativeServer();
    gateway = await startTestGateway([], {
      rest: { maxBodyBytes: 4_000_000 },
      fleets: {
        default: { backends: fleet.backends.map(({ url }) => url) },
        writers: { backends: [generative.url] },
      },
      proxy: { routes: [{ prefix: '/v3', fleet: 'writers' }] },
    });
  });
  after(async () => {
    await gateway.stop();
    await generative.close();
    await fleet.stop();
  });

  /** Sends pieces, the next when the answer to the one before has come, or the end where none is named. */
  async function talk(
    ...steps: readonly (readonly [send: string, until: string | undefined])[]
  ): Promise<string> {
    const [host, port] = gateway.rest.split(':') as [string, string];
    const socket = connect({ host, port: Number(port) });
    let text = '';
    let from = 0;
    const closed = once(socket, 'close');
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    for (const [send, until] of steps) {
      socket.write(send);
      if (until === undefined) await closed;
      else while (!text.includes(until, from)) await once(socket, 'data');
      from = text.length;
    }
    socket.destroy();
    return text;
  }
  const statuses = (text: string): number[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

  it('takes status, preflights, predictions and errors one after the other, pipelined too', async () => {
    const all = [
      head('GET', '/v1/models/half_plus_two'),
      post(),
      head('OPTIONS', path, 'Origin: http://a.example', 'Access-Control-Request-Method: POST'),
      post(path, '{"instances":['),
      head('GET', '/v2/models/half_plus_two/ready'),
      post('/v1/models/nobody:predict'),
    ].join('');
    const text = await talk([all + post(path, '{"instances":[11.0]}'), '7.5']);
    assert.deepEqual(statuses(text), [200, 200, 200, 400, 200, 404, 200]);
    assert.ok(text.includes(answer));
    assert.match(text, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  });

  it('that has been proxied goes on with predictions, HEAD and the rest', async () => {
    const text = await talk(
      [post(), answer],
      [head('GET', '/v3/models'), '\r\n\r\n'],
      [post(), answer],
      [post(path, 'x'.repeat(100)), 'error'],
      [head('HEAD', '/v1/models/half_plus_two'), '\r\n\r\n'],
      [post('/v2/models/half_plus_two/infer', '{'), 'error'],
      [post(), answer],
    );
    assert.deepEqual(statuses(text).slice(-5), [200, 400, 200, 400, 200]);
  });

  it('ends after "connection: close", with an answer that says so', async () => {
    const text = await talk([post(path, body, 'Connection: close') + post(), undefined]);
    assert.deepEqual(statuses(text), [200]);
    assert.match(text, /\r\nconnection: close\r\n/);
  });

  it('is told to go on with a body that it keeps back, once, and not when it would be refused', async () => {
    const expecting = head('POST', path, `Content-Length: ${body.length}`, 'Expect: 100-continue');
    const text = await talk([expecting, '100 Continue\r\n\r\n'], [body, answer], [post(), answer]);
    assert.deepEqual(statuses(text), [100, 200, 200]);
    const refused = await talk([
      head('POST', path, 'Content-Length: 4000001', 'Expect: 100-continue'),
      undefined,
    ]);
    assert.deepEqual(statuses(refused), [413]);
    assert.match(refused, /\r\nconnection: close\r\n/);
    const atOnce = await talk([expecting + body, answer]);
    assert.deepEqual(statuses(atOnce), [200]);
  });

  it('lives on after a small body that was refused, and ends after a large one', async () => {
    const bad = (bytes: number): string => post(path, `{"instances":[x${' '.repeat(bytes)}]}`);
    assert.deepEqual(statuses(await talk([bad(500_000) + post(), answer])), [400, 200]);
    const text = await talk([bad(3_500_000), undefined]);
    assert.deepEqual(statuses(text), [400]);
    assert.match(text, /Invalid value/);
  });

  it('carries large V2 bodies, whole and in chunks', async () => {
    const data = Array.from({ length: 50_000 }, (_, i) => i + 0.25);
    const asked = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [50_000], data }] });
    for (const sent of [asked, new Blob([asked]).stream()]) {
      const response = await fetch(`http://${gateway.rest}/v2/models/echo/infer`, {
        method: 'POST',
        body: sent,
        duplex: 'half',
      });
      const { outputs } = (await response.json()) as { outputs: { data: number[] }[] };
      assert.deepEqual(outputs[0]?.data, data);
    }
  });

  it('of HTTP/2 has the same answers', async () => {
    const client = http2.connect(`http://${gateway.rest}`);
    const ask = async (
      fields: http2.OutgoingHttpHeaders,
      sent?: string | Buffer,
    ): Promise<{ status: unknown; fields: http2.IncomingHttpHeaders; body: Buffer }> => {
      const stream = client.request(fields, { endStream: sent === undefined });
      if (sent !== undefined) stream.end(sent);
      const [answered] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return { status: answered[':status'], fields: answered, body: Buffer.concat(chunks) };
    };
    const model = '/v1/models/half_plus_two';
    const plain = await ask({ ':method': 'POST', ':path': path }, body);
    assert.equal(plain.body.toString(), answer);
    const status = await ask({ ':path': model });
    const headAlone = await ask({ ':method': 'HEAD', ':path': model });
    assert.equal(headAlone.body.length, 0);
    assert.equal(headAlone.fields['content-length'], String(status.body.length));
    assert.equal((await ask({ ':method': 'POST', ':path': path }, '{')).status, 400);
    assert.equal((await ask({ ':path': '/v3/models' })).status, 200);

    const instances = Array.from({ length: 100_000 }, (_, i) => i * 7.375);
    const echoed = await ask(
      {
        ':method': 'POST',
        ':path': '/v1/models/echo:predict',
        'content-encoding': 'gzip',
        'accept-encoding': 'gzip',
      },
      gzipSync(JSON.stringify({ instances })),
    );
    assert.equal(echoed.status, 200);
    assert.deepEqual(JSON.parse(gunzipSync(echoed.body).toString()), { predictions: instances });
    client.close();
  });
});

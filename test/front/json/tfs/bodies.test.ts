/** Bodies of the REST door on their way in and out: pieces, codings, limits, clients that go away or do not read. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { buffer } from 'node:stream/consumers';
import {
  constants,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { type DemoFleet, startDemoFleet } from '../../../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../../../support/index.ts';

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** Posts a body in the given pieces, each in a packet of its own. */
function post(
  host: string,
  path: string,
  pieces: readonly (string | Buffer)[],
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [hostname, port] = host.split(':');
    const call = request({ hostname, port, path, method: 'POST', headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) });
      });
    });
    call.on('error', reject);
    const send = (i: number): void => {
      const piece = pieces[i];
      if (piece === undefined) call.end();
      else call.write(piece, () => setImmediate(send, i + 1));
    };
    send(0);
  });
}

const json = ({ body }: Answer): unknown => JSON.parse(body.toString());
const error = (answer: Answer): unknown => (json(answer) as { error?: unknown }).error;
const echo = '/v1/models/echo:predict';

describe('bodies of the REST door', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let strict: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    const urls = fleet.backends.map(({ url }) => url);
    gateway = await startTestGateway(urls, { rest: { maxBodyBytes: 40_000_000 } });
    strict = await startTestGateway(urls, { rest: { extraDtypes: false, nonFinite: 'null' } });
  });
  after(async () => {
    await strict.stop();
    await gateway.stop();
    await fleet.stop();
  });

  it('are read byte by byte as well', async () => {
    const pieces = [...'{"instances": [{"x": [1.5, -2e-3]}, {"x": [3, 4]}]}'];
    const answer = await post(gateway.rest, echo, pieces);
    assert.deepEqual(json(answer), {
      predictions: [
        [1.5, -0.002],
        [3, 4],
      ],
    });
  });

  it('have NaN and infinities as TensorFlow Serving writes them, or as the configuration says', async () => {
    const body = '{"instances": [NaN, 1.5, -Infinity]}';
    assert.equal(
      (await post(gateway.rest, echo, [body])).body.toString().replaceAll(/\s/g, ''),
      '{"predictions":[NaN,1.5,-Infinity]}',
    );
    assert.deepEqual(json(await post(strict.rest, echo, [body])), { predictions: [null, 1.5, null] });
    const v2 = '{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[NaN,2.5]}]}';
    const answer = await post(strict.rest, '/v2/models/echo/infer', [v2]);
    assert.deepEqual((json(answer) as { outputs: { data: unknown }[] }).outputs[0]?.data, [null, 2.5]);
  });

  it('large ones come back as they were, in pieces, gzip or plain', async () => {
    const row = Array.from({ length: 1000 }, (_, i) => i + 0.5);
    const body = JSON.stringify({ instances: Array.from({ length: 300 }, () => row) });
    const plain = await post(gateway.rest, echo, [body]);
    assert.equal(plain.status, 200);
    assert.equal(plain.headers['transfer-encoding'], 'chunked');
    assert.deepEqual(
      (json(plain) as { predictions: unknown }).predictions,
      Array.from({ length: 300 }, () => row),
    );
    const zipped = await post(gateway.rest, echo, [body], { 'accept-encoding': 'gzip' });
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.ok(zipped.body.length < plain.body.length / 3);
    assert.deepEqual(gunzipSync(zipped.body), plain.body);
  });

  it('small ones have a length, and are compressed from a size on only when that is asked for', async () => {
    const small = await post(gateway.rest, echo, ['{"instances": [1.5]}'], { 'accept-encoding': 'gzip' });
    assert.equal(small.headers['content-length'], String(small.body.length));
    assert.equal(small.headers['content-encoding'], undefined);
    const body = `{"instances": [${'1.5,'.repeat(2000)}1.5]}`;
    for (const [accept, coding] of [
      ['gzip', 'gzip'],
      ['br, gzip;q=0.5', 'gzip'],
      ['GZIP', 'gzip'],
      ['gzip;q=0', undefined],
      ['gzip; q=0.000', undefined],
      ['br', undefined],
    ] as const) {
      const answer = await post(gateway.rest, echo, [body], { 'accept-encoding': accept });
      assert.equal(answer.headers['content-encoding'], coding, accept);
    }
  });

  it('are read in each coding that Node has, in any case, and whether deflate has its header or not', async () => {
    const text = '{"instances": [1, 2.5]}';
    const bodies: [string, Buffer][] = [
      ['GZIP', gzipSync(text)],
      ['X-GZip', gzipSync(text)],
      ['identity, gzip', gzipSync(text)],
      ['deflate', deflateSync(text)],
      ['Deflate', deflateRawSync(text)],
      ['zstd', zstdCompressSync(text)],
      ['Zstd', zstdCompressSync(text)],
      ['Identity', Buffer.from(text)],
    ];
    for (const [coding, body] of bodies) {
      // byte by byte: which deflate it is, is known with the first
      const bytes = Array.from(body, (byte) => Buffer.of(byte));
      for (const chunks of [[body], bytes]) {
        const answer = await post(gateway.rest, echo, chunks, { 'content-encoding': coding });
        assert.equal(answer.status, 200, `${coding}: ${answer.body.toString()}`);
        assert.deepEqual(JSON.parse(answer.body.toString()), { predictions: [1, 2.5] });
      }
    }
  });

  it('that are cut, or go on behind their end, are refused in each coding', async () => {
    const text = '{"instances": [1]}';
    for (const [coding, body] of [
      ['gzip', gzipSync(text)],
      ['deflate', deflateSync(text)],
      ['zstd', zstdCompressSync(text)],
    ] as const)
      for (const broken of [
        body.subarray(0, body.length - 5),
        Buffer.concat([body, Buffer.from('garbage')]),
        Buffer.alloc(0),
        Buffer.from('no such data'),
      ]) {
        const refused = await post(gateway.rest, echo, [broken], { 'content-encoding': coding });
        assert.equal(refused.status, 400, coding);
        assert.equal(error(refused), `request body is no valid ${coding}`);
      }
    // of two frames only one would be read
    const frames = Buffer.concat([zstdCompressSync('{"instances"'), zstdCompressSync(': [1]}')]);
    assert.equal((await post(gateway.rest, echo, [frames], { 'content-encoding': 'zstd' })).status, 400);
  });

  it('may not inflate without end, nor ask for much memory, nor be coded twice or otherwise', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    const fine = await post(
      gateway.rest,
      echo,
      [gzipSync(`{"instances": [${'0.125,'.repeat(100_000)}1]}`)],
      gzip,
    );
    assert.equal(fine.status, 200);
    const bomb = await post(gateway.rest, echo, [gzipSync(Buffer.alloc(30_000_000, ' '))], gzip);
    assert.equal(bomb.status, 413);
    assert.equal(error(bomb), 'request body inflates to more than 100 times its size');
    for (const [coding, body] of [
      ['deflate', deflateSync(Buffer.alloc(30_000_000, ' '))],
      ['zstd', zstdCompressSync(Buffer.alloc(30_000_000, ' '))],
    ] as const) {
      const refused = await post(gateway.rest, echo, [body], { 'content-encoding': coding });
      assert.equal(refused.status, 413, coding);
      assert.equal(error(refused), 'request body inflates to more than 100 times its size');
    }
    // a window of 16 MiB: RFC 9659 allows 8
    const wide = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 24 } });
    wide.write(Buffer.alloc(1_000_000, ' '));
    wide.end(Buffer.alloc(20_000_000, ' '));
    const greedy = await post(gateway.rest, echo, [await buffer(wide)], { 'content-encoding': 'zstd' });
    assert.equal(greedy.status, 400);
    for (const [coding, body] of [
      ['gzip, gzip', gzipSync(gzipSync('{"instances": [1]}'))],
      ['deflate, GZIP', 'x'],
      ['br', 'x'],
      ['compress', 'x'],
    ] as const) {
      const refused = await post(gateway.rest, echo, [body], { 'content-encoding': coding });
      assert.equal(refused.status, 415, coding);
      assert.equal(
        error(refused),
        `content-encoding "${coding}" is not read here: send identity or one of gzip, deflate, zstd`,
      );
      assert.equal(refused.headers['accept-encoding'], 'gzip, deflate, zstd');
    }
    const cut = await post(gateway.rest, echo, [gzipSync('{"instances": [1]}').subarray(0, 15)], gzip);
    assert.equal(cut.status, 400);
  });

  it('that are declared too large are refused before they are sent, and as soon as they are when nothing is declared', async () => {
    const declared = await post(gateway.rest, echo, [], { 'content-length': '40000001' }).catch(
      (reason: unknown) => reason,
    );
    // the connection may be closed before the client has read the answer
    if (!(declared instanceof Error)) assert.equal((declared as Answer).status, 413);
    const piece = Buffer.alloc(1_000_000, ' ');
    const dripped = await post(
      gateway.rest,
      echo,
      Array.from({ length: 50 }, () => piece),
    ).catch((reason: unknown) => reason);
    if (!(dripped instanceof Error)) assert.equal((dripped as Answer).status, 413);
  });

  it('half, bfloat16 and uint16 go both ways, and neither when the configuration is strict', async () => {
    for (const [dtype, values] of [
      ['half', [1.5, -0.0999755859375]],
      ['bfloat16', [1.5, -0.1005859375]],
      ['uint16', [0, 65535]],
    ] as const) {
      const body = JSON.stringify({ signature_name: dtype, instances: values });
      const answer = await post(gateway.rest, echo, [body]);
      assert.deepEqual(
        (json(answer) as { predictions: number[] }).predictions.map(Math.fround),
        values.map(Math.fround),
      );
      const refused = await post(strict.rest, echo, [body]);
      assert.equal(refused.status, 400);
      assert.equal(
        error(refused),
        `Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: Conversion of JSON Value: ${values[0]} to type: ${dtype}`,
      );
      const columnar = await post(strict.rest, echo, [JSON.stringify({ signature_name: dtype, inputs: 1 })]);
      assert.equal(columnar.status, 501);
    }
  });

  it('of clients that leave in the middle leave nothing behind', async () => {
    const [hostname = '', port] = gateway.rest.split(':');
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), hostname);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(`POST ${echo} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"instances": [1, 2`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      socket.destroy();
    }
    assert.deepEqual(json(await post(gateway.rest, echo, ['{"instances": [1.0]}'])), { predictions: [1] });
  });

  it('for clients that do not read are not made, and those beside them are answered', async () => {
    const row = `[${'0.123456,'.repeat(9999)}1]`;
    const body = `{"instances": [${Array.from({ length: 60 }, () => row).join()}]}`;
    const [hostname = '', port] = gateway.rest.split(':');
    const sockets = Array.from({ length: 6 }, () => {
      const socket = connect(Number(port), hostname);
      socket.pause();
      socket.write(`POST ${echo} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`);
      socket.write(body);
      return socket;
    });
    for (let i = 0; i < 20; i++)
      assert.deepEqual(json(await post(gateway.rest, echo, ['{"instances": [1.0]}'])), { predictions: [1] });
    for (const socket of sockets) socket.destroy();
    assert.deepEqual(json(await post(gateway.rest, echo, ['{"instances": [2.0]}'])), { predictions: [2] });
  });
});

/**
 * Programs that others wrote, at the edges of HTTP/1.1 and of gRPC: curl, with a proxy set and without, and a server
 * of grpcio.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { floatTensor } from '../../src/demo/tensors.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { rawClient } from '../demo/client.ts';
import {
  missing,
  type RunningProcess,
  run,
  startProcess,
  startTestGateway,
  type TestGateway,
  tool,
  waitFor,
} from '../support/index.ts';

const limitBytes = 4 * 2 ** 20;
const sentBytes = 24 * 2 ** 20;

describe('curl', { skip: missing('curl') }, () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-curl-'));
  const large = join(folder, 'large');
  before(async () => {
    writeFileSync(large, `{"instances":[${'1,'.repeat(sentBytes / 2)}1]}`);
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { rest: { maxBodyBytes: limitBytes } },
    );
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
    rmSync(folder, { recursive: true });
  });

  interface Said {
    readonly code: number | null;
    readonly status: number;
    readonly body: string;
  }
  async function curl(...args: string[]): Promise<Said> {
    const { code, stdout } = await run('curl', ['-s', '-m', '20', '-w', '\n%{http_code}', ...args]);
    const cut = stdout.lastIndexOf('\n');
    return { code, status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) };
  }
  const url = (path: string): string => `http://${gateway.rest}${path}`;
  const predict = '/v1/models/half_plus_two:predict';

  // over HTTP/2 this curl (7.88) forgets an answer that comes, with the end of its stream, while it sends
  for (const [how, args] of [
    ['chunks', ['-H', 'Expect:', '-H', 'Transfer-Encoding: chunked', '-X', 'POST', '-T', large]],
    [
      'chunks, once it was told to go on',
      ['-H', 'Expect: 100-continue', '-H', 'Transfer-Encoding: chunked', '-X', 'POST', '-T', large],
    ],
    ['a length', ['-H', 'Expect:', '--data-binary', `@${large}`]],
  ] as const)
    it(`hears 413 of 24 MiB in ${how} where 4 MiB may come`, async () => {
      // what was lost, was lost in some tries
      for (let i = 0; i < 5; i++) {
        const { status, body } = await curl('--http1.1', ...args, url(predict));
        assert.equal(status, 413, body);
        assert.match(body, /larger than the limit/);
      }
    });

  it('hears it over HTTP/2, too, where a reset that comes at once takes the answer from it', async () => {
    for (let i = 0; i < 5; i++) {
      const { status, body } = await curl(
        '--http2-prior-knowledge',
        '--data-binary',
        `@${large}`,
        url(predict),
      );
      assert.equal(status, 413, body);
      assert.match(body, /larger than the limit/);
    }
  });

  it('is served when a proxy is set, which makes it send whole URLs', async () => {
    const through = ['-x', `http://${gateway.rest}`];
    const status = await curl(...through, 'http://models.example/v1/models/half_plus_two');
    assert.equal(status.status, 200, status.body);
    assert.match(status.body, /AVAILABLE/);
    const answer = await curl(...through, '-d', '{"instances":[1.0]}', `http://models.example${predict}`);
    assert.equal(answer.body, '{"predictions":[2.5]}');
    const unknown = await curl(...through, 'http://models.example/v1/models/no_such_model');
    assert.equal(unknown.status, 404, unknown.body);
  });

  for (const version of ['--http1.1', '--http2-prior-knowledge'])
    it(`may show a token of up to 64 KiB, and is told what the limit is (${version})`, async () => {
      const withToken = (bytes: number): Promise<Said> => {
        const header = join(folder, 'header');
        writeFileSync(header, `authorization: Bearer ${'t'.repeat(bytes)}\n`);
        return curl(version, '-H', `@${header}`, '-d', '{"instances":[1.0]}', url(predict));
      };
      for (const bytes of [20_000, 48_000, 60_000]) {
        const { status, body } = await withToken(bytes);
        assert.equal(status, 200, `${bytes}: ${body}`);
      }
      // nghttp2, which is curl's HTTP/2, sends no more than 64 KiB itself
      for (let i = 0; i < (version === '--http1.1' ? 3 : 0); i++) {
        const { status, body } = await withToken(80_000);
        assert.equal(status, 431, body);
        assert.match((JSON.parse(body) as { error: string }).error, /65536/);
      }
    });
});

describe('a server of grpcio whose refusals are too long', { skip: missing('ovmsclient') }, () => {
  let server: RunningProcess;
  let gateway: TestGateway;
  before(async () => {
    const script = fileURLToPath(new URL('../clients/python/loud_server.py', import.meta.url));
    server = await startProcess(tool('ovmsclient') as string, [script], { ready: /listens at 127/ });
    const address = /listens at (\S+)/.exec(server.output())?.[1] as string;
    const models = ['text-20000', 'text-200000', 'metadata-20000', 'metadata-200000'];
    gateway = await startTestGateway([`tfs://${address}`], {
      models: Object.fromEntries(models.map((name) => [name, {}])),
    });
    await waitFor(async () => (await fetch(`http://${gateway.rest}/v1/models/${models[0]}`)).ok);
  });
  after(async () => {
    await gateway?.stop();
    await server?.stop();
  });

  for (const model of ['text-20000', 'text-200000', 'metadata-20000', 'metadata-200000'])
    it(`${model}: its status arrives, with the beginning of what it says`, async () => {
      const client = rawClient(Number(gateway.grpc.split(':')[1]));
      try {
        await assert.rejects(client.predict({ name: model }, { x: floatTensor([1], [1]) }), {
          code: 3,
          details: /^no: ttt/,
        });
      } finally {
        client.close();
      }
      // numbers without a dimension could be a batch; the signature is not asked for where they are columns
      const response = await fetch(`http://${gateway.rest}/v2/models/${model}/infer`, {
        method: 'POST',
        body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] }),
      });
      const text = await response.text();
      assert.equal(response.status, 400, text);
      assert.match((JSON.parse(text) as { error: string }).error, /^no: ttt/);
      assert.ok(text.length < 20_000, `${text.length}`);
    });
});

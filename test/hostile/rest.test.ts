/**
 * HTTP/1.1 and JSON that are meant to hurt: framing that two readers could take differently, paths, and numbers
 * without end.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { framed, predictMessage, predictPath, startVictim, type Victim } from '../support/index.ts';

const path = '/v1/models/half_plus_two:predict';
const good = '{"instances":[1.0]}';

describe('hostile HTTP/1.1 requests', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      {
        rest: { maxBodyBytes: 4_000_000 },
        doors: { keepAliveTimeoutMs: 400, headersTimeoutMs: 600, bodyTimeoutMs: 5000 },
      },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  /** Everything that comes back until the gateway closes. */
  function talk(bytes: string | Buffer): Promise<string> {
    const [host, port] = victim.rest.split(':') as [string, string];
    return new Promise((resolve) => {
      let text = '';
      const socket = connect({ host, port: Number(port) });
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
      socket.write(bytes);
    });
  }
  const statuses = (text: string): number[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)]
      .map(([, status]) => Number(status))
      .filter((status) => status !== 100);

  const smuggled = 'GET /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n\r\n';
  const web = framed(predictMessage()).toString('latin1');
  const targets = [
    ['REST', path, 'application/json', good],
    ['gRPC-Web', predictPath, 'application/grpc-web+proto', web],
  ] as const;
  for (const [door, target, type, body] of targets) {
    const head = `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`;
    const length = `Content-Length: ${body.length}\r\n`;
    for (const [name, request] of [
      ['both lengths', `${head}${length}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
      ['two different lengths', `${head}Content-Length: 5\r\n${length}\r\n${body}${smuggled}`],
      ['two equal lengths', `${head}${length}${length}\r\n${body}${smuggled}`],
      [
        'a list of lengths',
        `${head}Content-Length: ${body.length}, ${body.length}\r\n\r\n${body}${smuggled}`,
      ],
      ['a length with a sign', `${head}Content-Length: +${body.length}\r\n\r\n${body}${smuggled}`],
      ['a length in hexadecimal', `${head}Content-Length: 0x10\r\n\r\n${body}${smuggled}`],
      ['an unknown transfer coding', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
      ['chunked that is not last', `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
      [
        'chunked twice',
        `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${smuggled}`,
      ],
      ['a space before the colon', `${head}Transfer-Encoding : chunked\r\n${length}\r\n${body}${smuggled}`],
      ['a folded field', `${head}Transfer-Encoding:\r\n chunked\r\n${length}\r\n${body}${smuggled}`],
      [
        'lines that end with LF alone',
        `${head.replaceAll('\r\n', '\n')}${length.replace('\r\n', '\n')}\n${body}${smuggled}`,
      ],
      [
        'a CR alone in a value',
        `${head}x-a: b\rTransfer-Encoding: chunked\r\n${length}\r\n${body}${smuggled}`,
      ],
      ['NUL in a value', `${head}x-a: b\0c\r\n${length}\r\n${body}${smuggled}`],
      [
        'a chunk size that overflows',
        `${head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n${smuggled}`,
      ],
      ['a chunk size with a sign', `${head}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${smuggled}`],
      [
        'a chunk that does not end with CRLF',
        `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n${smuggled}`,
      ],
    ] as const) {
      it(`${door} with ${name}: refused once, and what follows is no request`, async () => {
        const answers = statuses(await talk(Buffer.from(request, 'latin1')));
        assert.ok(answers.length <= 1, `${answers.join()}: a smuggled request was answered`);
        // an answer that had begun before the framing broke may be a gRPC-Web one
        for (const status of answers)
          assert.ok(status === 400 || status === 501 || status === 200, String(status));
        victim.alive();
      });
    }
  }

  for (const [name, target] of [
    ['dots', '/v1/models/../config/reload'],
    ['encoded dots', '/v1/models/%2e%2e/config'],
    ['an encoded slash', '/v1/models/half_plus_two%2f..%2fother'],
    ['backslashes', '/v1/models/\\..\\config'],
    ['an encoded question mark', '/v1/models/half_plus_two%3fx'],
    ['NUL', '/v1/models/a%00b'],
    ['a host', '//169.254.169.254/v1/models/x'],
    ['64 KB', `/v1/models/${'a'.repeat(12_000)}`],
    ['broken percent signs', '/v1/models/%zz%'],
    ['invalid UTF-8', '/v1/models/%ff%fe'],
    ['__proto__', '/v1/models/__proto__'],
    ['constructor', '/v1/models/constructor/metadata'],
  ] as const) {
    it(`a path with ${name} is refused as such`, async () => {
      const [status] = statuses(await talk(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
      assert.ok([400, 403, 404, 414, 431].includes(status ?? 0), String(status));
    });
  }

  const post = (body: Buffer, fields = ''): Promise<string> =>
    talk(
      Buffer.concat([
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}Content-Length: ${body.length}\r\n\r\n`,
        ),
        body,
      ]),
    );
  for (const [name, body, expected, fields] of [
    ['a million open brackets', Buffer.from(`{"instances":${'['.repeat(1_000_000)}`), [400], ''],
    ['objects 100,000 deep', Buffer.from(`{"x":${'{"a":'.repeat(100_000)}`), [400], ''],
    ['a number of a million digits', Buffer.from(`{"instances":[${'9'.repeat(1_000_000)}]}`), [400], ''],
    ['a million empty lists', Buffer.from(`{"instances":[${'[],'.repeat(999_999)}[]]}`), [200, 400], ''],
    ['__proto__ as an input', Buffer.from('{"instances":[{"__proto__":1}]}'), [400], ''],
    ['instances twice', Buffer.from('{"instances":[1.0],"instances":[2.0]}'), [200, 400], ''],
    ['UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), [400], ''],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), [400], ''],
    ['gzip in gzip', gzipSync(gzipSync(good)), [415], 'Content-Encoding: gzip, gzip\r\n'],
    ['Brotli', Buffer.from(good), [415], 'Content-Encoding: br\r\n'],
    ['a gzip bomb', gzipSync(Buffer.alloc(300_000_000, 0x20)), [413], 'Content-Encoding: gzip\r\n'],
    [
      'fields called __proto__ (CVE-2026-21710)',
      Buffer.from(good),
      [200],
      '__proto__: a\r\n__proto__: b\r\nconstructor: c\r\n',
    ],
    [
      'a content type with a tab',
      Buffer.from(good),
      [200, 400, 415],
      'Content-Type: application/json\t; a\r\n',
    ],
  ] as const) {
    it(`${name}: ${expected.join(' or ')}, in little memory and time`, async () => {
      const before_ = victim.rss();
      const start = performance.now();
      const text = await post(body, fields);
      assert.ok((expected as readonly number[]).includes(statuses(text)[0] ?? 0), text.slice(0, 300));
      assert.ok(performance.now() - start < 5000);
      assert.ok(
        victim.rss() < before_ + 120,
        `${before_.toFixed()} MiB before, ${victim.rss().toFixed()} now`,
      );
      victim.alive();
    });
  }

  it('large requests in a pipeline are all answered, whatever is read before their turn comes', async () => {
    const body = `{"instances":[${'1.25,'.repeat(99_999)}1.25]}`;
    const count = 12;
    const requests = Array.from({ length: count }, (_, i) => {
      const last = i === count - 1 ? 'Connection: close\r\n' : '';
      return `POST ${path} HTTP/1.1\r\nHost: x\r\n${last}Content-Length: ${body.length}\r\n\r\n${body}`;
    });
    assert.deepEqual(statuses(await talk(requests.join(''))), Array<number>(count).fill(200));
    victim.alive();
  });

  it('half a million one-byte chunks are read like any body', async () => {
    const body = `{"instances":[${'1,'.repeat(250_000)}1]}`;
    const chunks = [...body].map((byte) => `1\r\n${byte}\r\n`).join('');
    const before_ = victim.rss();
    const text = await talk(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    victim.alive();
    assert.equal(statuses(text)[0], 200, text.slice(0, 200));
    await victim.settled(before_);
  });

  it('two thousand models that do not exist make no series', async () => {
    const paths = Array.from(
      { length: 2000 },
      (_, i) => `GET /v1/models/made_up_${i} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    await talk(
      `${paths.slice(0, -1).join('')}${(paths.at(-1) ?? '').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`,
    );
    const metrics = await victim.metrics();
    assert.equal(metrics.includes('made_up'), false);
    assert.ok(metrics.length < 500_000);
  });
});

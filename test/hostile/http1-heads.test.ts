/**
 * Requests that RFC 9112 says must be refused, and forms that must be served, at both ends that read HTTP/1.1 here:
 * the gateway's own, and node:http, which has a connection for good after the first request that the own end leaves
 * to it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';

const path = '/v1/models/half_plus_two';
const predict = `${path}:predict`;
const body = '{"instances":[1.0]}';
const get = (target = path, ...lines: string[]): string =>
  [`GET ${target} HTTP/1.1`, ...(lines.length === 0 ? ['host: x'] : lines), '', ''].join('\r\n');
const post = (...lines: string[]): string =>
  [`POST ${predict} HTTP/1.1`, 'host: x', ...lines, ''].join('\r\n');
const sized = `content-length: ${body.length}`;
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
const chunked = (coding: string, chunks = `${chunk}0\r\n\r\n`): string =>
  `${post(`transfer-encoding: ${coding}`)}\r\n${chunks}`;

describe('HTTP/1.1 heads', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    gateway = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  /** Everything that comes back until the connection ends; it is ended by us when `whole` has come. */
  async function talk(text: string, whole?: RegExp): Promise<string> {
    const [host, port] = gateway.rest.split(':') as [string, string];
    const socket = net.connect(Number(port), host);
    socket.on('error', () => undefined);
    let got = '';
    socket.on('data', (data: Buffer) => {
      got += data.toString('latin1');
      if (whole?.test(got) === true) socket.destroy();
    });
    socket.setTimeout(3000, () => socket.destroy());
    socket.write(Buffer.from(text, 'latin1'));
    await once(socket, 'close');
    return got;
  }

  /** HEAD is left to node:http, which reads all that comes behind it. */
  const handOver = `HEAD ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const headAnswer = /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*\r\n/;
  const statusIn = (text: string): number => Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(text)?.[1] ?? 0);

  const refused: readonly (readonly [name: string, text: string, statuses: readonly number[]])[] = [
    ['a folded line', get(path, 'host: x', 'x-a: b', ' c'), [400]],
    ['a folded line behind the request line', `GET ${path} HTTP/1.1\r\n host: x\r\n\r\n`, [400]],
    ['white space before the colon', get(path, 'host: x', 'x-a : b'), [400]],
    ['white space before the colon of Host', get(path, 'host : x'), [400]],
    ['two lengths', `${post(sized, 'content-length: 5')}\r\n${body}`, [400]],
    ['two equal lengths', `${post(sized, sized)}\r\n${body}`, [400]],
    ['a list of lengths', `${post(`${sized}, ${body.length}`)}\r\n${body}`, [400]],
    ['a length with a sign', `${post(`content-length: +${body.length}`)}\r\n${body}`, [400]],
    ['a length in hexadecimal', `${post('content-length: 0x13')}\r\n${body}`, [400]],
    ['an endless length', `${post(`content-length: ${'9'.repeat(30)}`)}\r\n${body}`, [400, 413]],
    ['a length and chunks', `${post(sized, 'transfer-encoding: chunked')}\r\n${chunk}0\r\n\r\n`, [400]],
    ['chunks and a length', `${post('transfer-encoding: chunked', sized)}\r\n${chunk}0\r\n\r\n`, [400]],
    ['a bare line feed behind a field', get(path, 'host: x\nx-a: b'), [400]],
    ['bare line feeds alone', `GET ${path} HTTP/1.1\nhost: x\n\n`, [400]],
    ['a bare carriage return', get(path, 'host: x', 'x-a: b\rx-c: d'), [400]],
    ['a NUL in a value', get(path, 'host: x', 'x-a: b\0c'), [400]],
    ['a field without a name', get(path, 'host: x', ': b'), [400]],
    ['a field without a colon', get(path, 'host: x', 'x-a'), [400]],
    ['a name with a bracket', get(path, 'host: x', 'x[a]: b'), [400]],
    ['no host', get(path, 'x-a: b'), [400]],
    ['two hosts', get(path, 'host: x', 'host: y'), [400]],
    ['two equal hosts', get(path, 'host: x', 'Host: x'), [400]],
    ['two hosts and an absolute target', get(`http://x${path}`, 'host: x', 'host: x'), [400]],
    ['a host with a user', get(path, 'host: u:p@x'), [400]],
    ['a host with a blank', get(path, 'host: x y'), [400]],
    ['a list of hosts', get(path, 'host: x, y'), [400]],
    ['a host with a path', get(path, 'host: x/y'), [400]],
    ['a host with a port that is none', get(path, 'host: x:y'), [400]],
    ['gzip and chunked', chunked('gzip, chunked'), [501]],
    ['gzip and chunked in two fields', chunked('gzip\r\ntransfer-encoding: chunked'), [501]],
    ['chunked twice', chunked('chunked, chunked'), [400]],
    ['chunked in two fields', chunked('chunked\r\ntransfer-encoding: chunked'), [400]],
    ['identity', `${post('transfer-encoding: identity')}\r\n${body}`, [400]],
    ['identity and chunked', chunked('identity, chunked'), [400, 501]],
    ['chunked and identity', chunked('chunked, identity'), [400]],
    ['an unknown coding', chunked('xchunked'), [400]],
    ['a disguised coding', chunked('\x0bchunked'), [400]],
    ['chunked with a parameter', chunked('chunked;a=b'), [400, 501]],
    ['chunked over HTTP/1.0', chunked('chunked').replace('HTTP/1.1', 'HTTP/1.0'), [400]],
    ['a size beyond 64 bits', chunked('chunked', `fffffffffffffffff\r\n${body}`), [400, 413]],
    ['a size with a sign', chunked('chunked', `+${chunk}0\r\n\r\n`), [400]],
    ['a size in 0x', chunked('chunked', `0x${chunk}0\r\n\r\n`), [400]],
    ['a size with a bare line feed', chunked('chunked', `13\n${body}\r\n0\r\n\r\n`), [400]],
    ['data beyond its size', chunked('chunked', `12\r\n${body}\r\n0\r\n\r\n`), [400]],
    ['a bare line feed in an extension', chunked('chunked', `13;a=b\n${body}\r\n0\r\n\r\n`), [400]],
    [
      'endless extensions',
      chunked('chunked', `13;${'a'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`),
      [400, 413],
    ],
    ['HTTP/1.2', get().replace('HTTP/1.1', 'HTTP/1.2'), [400, 505]],
    ['HTTP/01.1', get().replace('HTTP/1.1', 'HTTP/01.1'), [400, 505, 0]],
    ['HTTP/2.0 as text', get().replace('HTTP/1.1', 'HTTP/2.0'), [400, 505, 0]],
    ['HTTP/0.9', `GET ${path}\r\n\r\n`, [400, 505, 0]],
    ['a lower-case version', get().replace('HTTP/1.1', 'http/1.1'), [400, 0]],
    ['a blank in the target', get('/v1/models/a b'), [400]],
    ['a control character in the target', get('/v1/models/a\x01b'), [400]],
    ['an absolute target of another scheme', get(`ftp://x${path}`), [400]],
    ['an absolute target without a host', get(`http://${path}`), [400]],
    ['an absolute target with a user', get(`http://u@x${path}`), [400]],
    ['an authority', get('x:80'), [400]],
    ['an asterisk for GET', get('*'), [400]],
    ['a path without a slash', get('v1/models'), [400]],
    ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n', [400, 405, 501]],
    ['a head above the limit', get(path, 'host: x', `x-a: ${'y'.repeat(70_000)}`), [431]],
    ['257 fields', get(path, 'host: x', ...Array.from({ length: 256 }, (_, i) => `x-${i}: y`)), [431]],
  ];

  for (const [name, text, statuses] of refused) {
    it(`refuses ${name} at both ends, and ends the connection`, async () => {
      // what would be smuggled
      const more = get('/v1/models/smuggled');
      const own = await talk(text + more);
      assert.ok(statuses.includes(statusIn(own)), own.slice(0, 300));
      const both = await talk(handOver + text + more);
      const behind = both.replace(headAnswer, '');
      assert.ok(both.length > behind.length || statuses.includes(0), both.slice(0, 300) || 'nothing came');
      assert.ok(statuses.includes(statusIn(behind)), behind.slice(0, 300));
      for (const answer of [own, behind]) {
        assert.equal(answer.match(/HTTP\/1\.1 [0-9]{3} /g)?.length ?? 0, answer === '' ? 0 : 1, answer);
        if (answer === '') continue;
        assert.match(answer, /^connection: close\r$/im);
        const json = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { error?: string };
        assert.ok(typeof json.error === 'string' && json.error !== '');
      }
    });
  }

  for (const [name, text] of [
    ['a plain request', get()],
    ['an empty host', get(path, 'host:')],
    ['a host with a port', get(path, 'host: x:80')],
    ['an address of IPv6 for a host', get(path, 'host: [::1]:80')],
    ['an absolute target', get(`http://x${path}`)],
    ['an absolute target of another host: it counts', get(`http://y:81${path}`)],
    ['an absolute target in capitals', get(`HTTP://X${path}`)],
    ['an absolute target of https', get(`https://x${path}`)],
    ['60,000 bytes of fields', get(path, 'host: x', `authorization: Bearer ${'y'.repeat(60_000)}`)],
    ['250 fields', get(path, 'host: x', ...Array.from({ length: 249 }, (_, i) => `y-${i}: y`))],
    ['chunks', chunked('chunked')],
    ['chunked in capitals', chunked('CHUNKED')],
    ['extensions and trailers', chunked('chunked', `13;a="b;c"\r\n${body}\r\n0;d\r\nx-t: 1\r\n\r\n`)],
    ['an empty line first', `\r\n${get()}`],
    ['white space around a value', get(path, 'host:\t x \t')],
  ] as const) {
    it(`serves ${name} at both ends`, async () => {
      assert.equal(statusIn(await talk(text, /\}\s*$/)), 200, 'own');
      assert.equal(
        statusIn((await talk(handOver + text, /\}\s*$/)).replace(headAnswer, '')),
        200,
        'node:http',
      );
    });
  }

  it('answers OPTIONS of everything, in both forms', async () => {
    for (const target of ['*', 'http://x'])
      assert.equal(statusIn(await talk(get(target).replace('GET', 'OPTIONS'), /\r\n\r\n$/)), 200);
  });
});

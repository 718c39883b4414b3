/** PROXY headers, whole, in parts and malformed; and what a gateway makes of them, beside X-Forwarded-For. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { readProxyHeader } from '../../src/front/listener/proxy-protocol.ts';
import { makeCertificates, startTestGateway, type TestGateway } from '../support/index.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
function binary(kind: number, family: number, addresses: readonly number[], more = 0): Buffer {
  const head = Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([kind, family, 0, 0])]);
  head.writeUInt16BE(addresses.length + more, 14);
  return Buffer.concat([head, Buffer.from(addresses), Buffer.alloc(more)]);
}
const v4 = [203, 0, 113, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x1f, 0x40];
const v6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  ...[0xc3, 0x50, 0x1f, 0x40],
];
const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1');

describe('a PROXY header', () => {
  for (const [what, bytes, peer] of [
    ['1, IPv4', line('PROXY TCP4 203.0.113.7 10.0.0.1 50000 8000'), '203.0.113.7:50000'],
    ['1, IPv6', line('PROXY TCP6 2001:db8::1 2001:db8::2 50000 8000'), '2001:db8::1:50000'],
    ['1, unknown', line('PROXY UNKNOWN'), undefined],
    [
      '1, unknown with what is to be passed over',
      line('PROXY UNKNOWN ffff:f::f ffff::f 65535 65535'),
      undefined,
    ],
    ['2, IPv4', binary(0x21, 0x11, v4), '203.0.113.7:50000'],
    ['2, IPv6 and more', binary(0x21, 0x21, v6, 100), '2001:db8::1:50000'],
    [
      '2, IPv4 in IPv6',
      binary(0x21, 0x21, [...new Array<number>(10).fill(0), 255, 255, ...v4.slice(0, 4), ...v6.slice(16)]),
      '203.0.113.7:50000',
    ],
    ['2, of the proxy itself', binary(0x20, 0x00, []), undefined],
    ['2, of a socket in the file system', binary(0x21, 0x31, new Array<number>(216).fill(0)), undefined],
  ] as const)
    it(`version ${what}`, () => {
      for (let size = 0; size < bytes.length; size++)
        assert.equal(readProxyHeader(bytes.subarray(0, size)), undefined);
      const behind = Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1')]);
      assert.deepEqual(readProxyHeader(behind), { peer, bytes: bytes.length });
    });

  for (const [what, bytes] of [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['an endless line', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
    ['a name', line('PROXY TCP4 localhost 10.0.0.1 1 2')],
    ['another family', line('PROXY TCP4 2001:db8::1 2001:db8::2 1 2')],
    ['UDP', line('PROXY UDP4 203.0.113.7 10.0.0.1 1 2')],
    ['a port too large', line('PROXY TCP4 203.0.113.7 10.0.0.1 65536 2')],
    ['a port that is none', line('PROXY TCP4 203.0.113.7 10.0.0.1 0x1 2')],
    ['too few words', line('PROXY TCP4 203.0.113.7 10.0.0.1 1')],
    ['too many words', line('PROXY TCP4 203.0.113.7 10.0.0.1 1 2 3')],
    ['another version', binary(0x31, 0x11, v4)],
    ['another command', binary(0x22, 0x11, v4)],
    ['UDP in version 2', binary(0x21, 0x12, v4)],
    ['addresses that are not there', binary(0x21, 0x11, v4.slice(1))],
    ['megabytes', binary(0x21, 0x11, v4, 5000).subarray(0, 16)],
  ] as const)
    it(`is not ${what}`, () => {
      assert.throws(() => readProxyHeader(bytes), /PROXY/);
    });
});

describe('a gateway behind proxies', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let perRequest: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const urls = fleet.backends.map(({ url }) => url);
    const rateLimits = [{ name: 'each', by: 'peer', perSecond: 0.001, burst: 1 }];
    const trustedProxies = ['127.0.0.1'];
    gateway = await startTestGateway(urls, {
      rateLimits,
      doors: { trustedProxies, proxyProtocol: true, headersTimeoutMs: 700 },
    });
    perRequest = await startTestGateway(urls, { rateLimits, doors: { trustedProxies } });
  });
  after(async () => {
    await gateway.stop();
    await perRequest.stop();
    await fleet.stop();
  });

  const body = '{"instances":[1]}';
  const predict = (more = ''): string =>
    `POST /v1/models/half_plus_two:predict HTTP/1.1\r\nhost: x\r\n${more}content-length: ${body.length}\r\n\r\n${body}`;

  async function open(to: TestGateway): Promise<Socket> {
    const socket = connect(Number(to.rest.split(':')[1]), '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return socket;
  }
  /** The status of the answer; undefined when there is none. */
  async function answered(socket: Socket): Promise<number | undefined> {
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) break;
    }
    socket.destroy();
    return text === '' ? undefined : Number(text.slice(9, 12));
  }
  async function ask(to: TestGateway, ...parts: readonly (Buffer | string)[]): Promise<number | undefined> {
    const socket = await open(to);
    for (const part of parts) {
      socket.write(part);
      // another packet, as far as one can say
      await new Promise(setImmediate);
    }
    return answered(socket);
  }
  const from = (address: string): Buffer => line(`PROXY TCP4 ${address} 10.0.0.1 50000 8000`);

  it('tells clients apart by the PROXY header of their connections, and not by what they write', async () => {
    assert.equal(await ask(gateway, from('203.0.113.1'), predict()), 200);
    assert.equal(await ask(gateway, from('203.0.113.1'), predict('x-forwarded-for: 203.0.113.99\r\n')), 429);
    assert.equal(await ask(gateway, Buffer.concat([from('203.0.113.2'), Buffer.from(predict())])), 200);
    const bytes = binary(0x21, 0x11, v4);
    assert.equal(await ask(gateway, bytes.subarray(0, 5), bytes.subarray(5), predict()), 200);
    assert.equal(await ask(gateway, bytes, predict()), 429);
  });

  it('closes connections of proxies that begin without one, or not in time', async () => {
    assert.equal(await ask(gateway, predict()), undefined);
    assert.equal(await ask(gateway, binary(0x21, 0x11, v4, 5000)), undefined);
    assert.equal(await ask(gateway, 'PROXY TCP4 203.0'), undefined);
    const metrics = await (await fetch(`http://${gateway.admin}/metrics`)).text();
    assert.match(metrics, /tensorgate_limited_total\{[^}]*"PROXY header"[^}]*\} 3/);
  });

  it('reads TLS behind the header, in one packet or the next, and tells the clients of these apart', async (t) => {
    const file = await makeCertificates('gateway');
    const tls = { cert: file('gateway.pem'), key: file('gateway.key') };
    const secure = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      {
        rateLimits: [{ name: 'each', by: 'peer', perSecond: 0.001, burst: 1 }],
        doors: { trustedProxies: ['127.0.0.1'], proxyProtocol: true, tls },
      },
    );
    t.after(() => secure.stop());
    for (const [address, together, is] of [
      ['203.0.113.1', true, 200],
      ['203.0.113.1', false, 429],
      ['203.0.113.2', false, 200],
    ] as const) {
      const raw = await open(secure);
      if (together) raw.cork();
      raw.write(from(address));
      if (!together) await new Promise(setImmediate);
      const socket = connectTls({ socket: raw, rejectUnauthorized: false });
      if (together) process.nextTick(() => raw.uncork());
      socket.write(predict());
      assert.equal(await answered(socket), is, address);
    }
  });

  it('tells clients apart by X-Forwarded-For of a trusted proxy, over HTTP/1.1 whoever serves it', async () => {
    const one = 'x-forwarded-for: 1.2.3.4, 203.0.113.1\r\n';
    assert.equal(await ask(perRequest, predict(one)), 200);
    assert.equal(await ask(perRequest, predict(one.replace('1.2.3.4', '4.3.2.1'))), 429);
    // node:http serves what has an expectation
    const two = 'x-forwarded-for: 203.0.113.2\r\nexpect: 100-continue\r\n';
    const withExpect = predict(two);
    assert.notEqual(await ask(perRequest, withExpect), 429);
    assert.equal(await ask(perRequest, predict('x-forwarded-for: 203.0.113.2\r\n')), 429);
    assert.equal(await ask(perRequest, predict('x-forwarded-for: 203.0.113.3\r\n')), 200);
  });
});

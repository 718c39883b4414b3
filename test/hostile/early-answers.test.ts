/**
 * Bodies that are too large, sent by clients that read nothing before they have sent all: the answer must not be lost
 * (RFC 9112 §9.6).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  type GenerativeServer,
  makeCertificates,
  startGenerativeServer,
  startTestGateway,
  type TestGateway,
} from '../support/index.ts';

const limit = 200_000;
/** More than the buffers of both systems hold together. */
const sentBytes = 24 * 2 ** 20;
const piece = Buffer.alloc(65_536, '1,');
const first = Buffer.from('{"instances":[');

describe('answers before the request has ended', () => {
  let fleet: DemoFleet;
  let server: GenerativeServer;
  let plain: TestGateway;
  let secure: TestGateway;
  let ca: Buffer;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    server = await startGenerativeServer();
    const file = await makeCertificates('door');
    ca = readFileSync(file('ca.pem'));
    const backends = fleet.backends.map(({ url }) => url);
    const config = {
      rest: { maxBodyBytes: limit },
      fleets: { llm: { backends: [server.url] } },
      proxy: { routes: [{ prefix: '/v3', fleet: 'llm' }], maxBodyBytes: limit },
    };
    plain = await startTestGateway(backends, config);
    secure = await startTestGateway(backends, {
      ...config,
      doors: { tls: { cert: file('door.pem'), key: file('door.key') } },
    });
  });
  after(async () => {
    await Promise.all([plain.stop(), secure.stop()]);
    await server.close();
    await fleet.stop();
  });

  async function open(isSecure: boolean): Promise<Socket> {
    const [host = '', port] = (isSecure ? secure : plain).rest.split(':');
    if (!isSecure) {
      const socket = net.connect(Number(port), host);
      await once(socket, 'connect');
      return socket;
    }
    const socket = tls.connect({
      host,
      port: Number(port),
      ca,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Sends all, and only then reads until the connection ends. */
  async function sendThenRead(socket: Socket, head: string, chunked: boolean): Promise<string> {
    let failed: Error | undefined;
    let goOn = (): void => undefined;
    socket.on('error', (error) => (failed = error));
    for (const event of ['drain', 'close'] as const) socket.on(event, () => goOn());
    socket.pause();
    const write = async (bytes: string | Buffer): Promise<void> => {
      if (failed === undefined && !socket.write(bytes))
        await new Promise<void>((resolve) => (goOn = resolve));
    };
    await write(head);
    await write(chunked ? `${first.length.toString(16)}\r\n${first.toString()}\r\n` : first);
    for (
      let sent = first.length;
      sent + piece.length < sentBytes && failed === undefined;
      sent += piece.length
    ) {
      if (chunked) await write(`${piece.length.toString(16)}\r\n`);
      await write(piece);
      if (chunked) await write('\r\n');
    }
    let got = '';
    socket.on('data', (data: Buffer) => (got += data.toString('latin1')));
    socket.resume();
    if (!socket.destroyed) await once(socket, 'close');
    assert.equal(failed, undefined);
    return got;
  }

  const predict = '/v1/models/half_plus_two:predict';
  const handOver = `HEAD ${predict} HTTP/1.1\r\nhost: x\r\n\r\n`;

  for (const isSecure of [false, true]) {
    for (const chunked of [true, false]) {
      for (const [name, before_, path, version] of [
        ['the REST door', '', predict, '1.1'],
        ['the REST door at node:http', handOver, predict, '1.1'],
        ['the REST door over HTTP/1.0', '', predict, '1.0'],
        ['the proxy', '', '/v3/chat/completions', '1.1'],
      ] as const) {
        if (chunked && version === '1.0') continue;
        const how = `${chunked ? 'chunks' : 'a length'} over ${isSecure ? 'TLS' : 'plain TCP'}`;
        it(`413 of ${name} reaches who sends 24 MiB by ${how}`, async () => {
          const framing = chunked ? 'transfer-encoding: chunked' : `content-length: ${sentBytes}`;
          const head = `POST ${path} HTTP/${version}\r\nhost: x\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`;
          const got = await sendThenRead(await open(isSecure), before_ + head, chunked);
          assert.match(
            got.slice(before_ === '' ? 0 : got.lastIndexOf('HTTP/1.1 ')),
            /^HTTP\/1\.1 413 .*larger than the limit/s,
          );
        });
      }
    }
  }
});

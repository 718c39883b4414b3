/**
 * What HTTP/2 lets pass and HTTP/1.1 has no way to say, from clients and from backends: it costs the one request at
 * the most.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  fieldOf,
  frame,
  framed,
  type GenerativeServer,
  grpcHeaders,
  h2,
  headers,
  dataFrames,
  predictFields,
  predictMessage,
  predictPath,
  predictReply,
  RawClient,
  type RawBackend,
  startGenerativeServer,
  startRawBackend,
  startVictim,
  type Victim,
} from '../support/index.ts';

const end = h2.END_HEADERS | h2.END_STREAM;
const request = framed(predictMessage());

describe('control characters and announced trailers', () => {
  let backend: RawBackend;
  let generative: GenerativeServer;
  let victim: Victim;
  /** Header fields and trailers of the backend's next answers. */
  let odd: readonly string[] = [];
  before(async () => {
    backend = await startRawBackend({
      onCall(call) {
        call.send(
          grpcHeaders(call.id, odd),
          dataFrames(call.id, predictReply),
          headers(call.id, ['grpc-status', '0', ...odd], end),
        );
      },
    });
    generative = await startGenerativeServer();
    victim = await startVictim([backend.url], {
      fleets: {
        default: { backends: [backend.url] },
        generative: { backends: [generative.url] },
      },
      proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }] },
    });
  });
  after(async () => {
    await victim.stop();
    await generative.close();
    backend.close();
  });

  for (const [name, fields] of [
    ['a control character in a value', ['x-odd', 'a\u0001b']],
    ['DEL in a value', ['x-odd', 'a\u007fb']],
    ['trailers announced by a request without a body', ['trailer', 'x-end']],
  ] as const)
    it(`${name}, over HTTP/2 below /v3: 400 for that stream, and the connection serves the others`, async (t) => {
      const client = await RawClient.open(victim.grpc);
      t.after(() => {
        client.destroy();
      });
      // one that is open while the other is refused
      client.send(headers(1, predictFields(), h2.END_HEADERS));
      client.send(
        headers(
          3,
          [':method', 'GET', ':scheme', 'http', ':path', '/v3/models', ':authority', 'x', ...fields],
          end,
        ),
      );
      assert.equal(fieldOf(await client.untilEnd(3), ':status'), '400');
      client.send(frame(h2.DATA, h2.END_STREAM, 1, request));
      assert.equal(fieldOf(await client.untilEnd(1), 'grpc-status'), '0');
      victim.alive();
    });

  for (const version of ['1.0', '1.1'])
    for (const value of ['a\u0001b', 'a\u007fb', 'a\tb'])
      it(`${JSON.stringify(value)} in a backend's metadata, to a client of HTTP/${version}: an answer, and the next one`, async () => {
        odd = ['x-odd', value];
        const [host, port] = victim.rest.split(':') as [string, string];
        const head = `POST ${predictPath} HTTP/${version}\r\nHost: x\r\nConnection: close\r\nContent-Type: application/grpc-web+proto\r\n`;
        for (let i = 0; i < 2; i++) {
          const answer = await new Promise<string>((resolve) => {
            let text = '';
            const socket = connect({ host, port: Number(port) });
            socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
            socket.on('close', () => {
              resolve(text);
            });
            socket.on('error', () => undefined);
            socket.write(
              Buffer.concat([Buffer.from(`${head}Content-Length: ${request.length}\r\n\r\n`), request]),
            );
          });
          assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
          assert.match(answer, /grpc-status: ?0/);
          const [lines = ''] = answer.split('\r\n\r\n', 1);
          for (const line of lines.split('\r\n')) assert.match(line, /^[\t\x20-\x7e\x80-\xff]*$/);
        }
        victim.alive();
      });
});

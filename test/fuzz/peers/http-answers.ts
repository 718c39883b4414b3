/**
 * A REST and generative server on raw sockets whose answers are strange: heads, framing and JSON with anything in
 * them.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resetSocket } from '../../support/index.ts';
import { modelAnswers } from '../../support/model-answers.ts';
import type { Chance } from '../chance.ts';
import { randomField } from '../fields.ts';
import { mutate } from '../mutate.ts';

export interface OddHttpServer {
  readonly port: number;
  readonly answers: number;
  calm: boolean;
  close(): void;
}

const statusLines = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.1 503 Away',
  'HTTP/1.1 500 ',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 101 Switching',
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 999 x',
  'HTTP/2.0 200 OK',
  'SSH-2.0-x',
];
const infer = Buffer.from(
  '{"model_name":"half_plus_two","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[2.5]}]}',
);
const predict = Buffer.from('{"outputs":[2.5]}');
const events = Buffer.from('data: {"a":1}\n\ndata: [DONE]\n\n');

const rightBody = (url: string): Buffer => {
  const known = modelAnswers[url.replace(/\/models\/\w+/, '/models/half_plus_two')];
  if (known !== undefined) return Buffer.from(JSON.stringify(known));
  if (url.endsWith(':predict')) return predict;
  if (url.endsWith('/infer')) return infer;
  return url.startsWith('/v3/models') ? Buffer.from('{"object":"list","data":[{"id":"tiny-llm"}]}') : events;
};

function oddAnswer(chance: Chance, body: Buffer): Buffer {
  const content = chance.percent(40) ? mutate(chance, body, [body, infer, events]) : body;
  const lines = [chance.pick(statusLines)];
  const framing = chance.below(10);
  let framed: Buffer = content;
  if (framing < 5) lines.push(`content-length: ${content.length}`);
  else if (framing < 8) {
    lines.push('transfer-encoding: chunked');
    const chunks = chance
      .pieces(content)
      .flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    framed = Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
    if (chance.percent(30)) framed = mutate(chance, framed, [content], 2);
  } else if (framing === 8) lines.push(`content-length: ${chance.pick([0, 1, 5, 1e6, -1])}`);
  for (let left = chance.below(4); left > 0; left--) {
    const field = randomField(chance, true).join(': ');
    // what passes as it is may say that it is gRPC, and would be judged as such
    if (!field.includes('application/grpc')) lines.push(field);
  }
  const all = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), framed]);
  return chance.percent(15) ? mutate(chance, all, [all], 2) : all;
}

export async function startOddHttpServer(chance: Chance): Promise<OddHttpServer> {
  let answers = 0;
  const respond = (request: IncomingMessage): void => {
    const { socket, url = '' } = request;
    const body = rightBody(url);
    const right = Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      ),
      request.method === 'HEAD' ? Buffer.alloc(0) : body,
    ]);
    answers++;
    if (server.calm || chance.percent(15)) {
      socket.write(right);
      return;
    }
    const way = chance.below(100);
    if (way < 3) resetSocket(socket);
    else if (way < 6) socket.destroy();
    else if (way < 7) return;
    else {
      for (const piece of chance.pieces(oddAnswer(chance, body))) socket.write(piece);
      if (way < 30) socket.end();
    }
  };
  const http = createServer((request) => {
    request.on('error', () => undefined).resume();
    // some answer before they have read what they are asked
    if (!server.calm && chance.percent(10)) respond(request);
    else request.on('end', () => respond(request));
  });
  http.on('connection', (socket) => socket.on('error', () => undefined));
  http.on('clientError', (_error, socket) => socket.destroy());
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server: OddHttpServer = {
    port: (http.address() as AddressInfo).port,
    get answers() {
      return answers;
    },
    calm: false,
    close() {
      http.closeAllConnections();
      http.close();
    },
  };
  return server;
}

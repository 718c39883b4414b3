/** What a port says where nobody serves the request: plain HTTP that came to TLS, and a handler that has thrown. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { guard } from '../../base/faults.ts';
import type { Refused } from '../../call/index.ts';
import { refusal } from '../../wire/index.ts';
import { peerOf } from './node-server.ts';

/** For the log: what is told of a fault of the gateway itself. */
const faultText = 'internal error of the gateway';

/** A client may take so long to read that it is at the wrong port, in ms. */
const readMs = 500;

/** Plain HTTP at a port that speaks TLS: said in words that its client can read. @param tls what TLS has made of it */
export function tellPlain(plain: Socket, tls: Socket, refused: Refused): void {
  plain.on('error', () => plain.destroy());
  const text = 'this port speaks TLS: ask it with https://, or with TLS for gRPC';
  const id = refused({ status: 400, message: text, peer: peerOf(plain) });
  plain.write(refusal(400, text, id), () => {
    plain.end();
  });
  setTimeout(() => {
    tls.destroy();
    plain.destroy();
  }, readMs).unref();
}

/** A request whose handler has thrown: an answer where there is none yet, and the end of its connection. */
export function endFaulty(request: IncomingMessage, response: ServerResponse, refused: Refused): void {
  guard('http', () => {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { method, url: path, socket } = request;
    const id = refused({ status: 500, message: faultText, peer: peerOf(socket), method, path });
    response.writeHead(500, { connection: 'close', 'content-length': 0, 'x-request-id': id }).end();
  });
}

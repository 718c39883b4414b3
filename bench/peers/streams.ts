/** Bidirectional streams: each sends its next message when the answer to the last one is there. */
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { streamReply, streamRequest } from './fixtures.ts';

const path = '/inference.GRPCInferenceService/ModelStreamInfer';

/** One stream of so many messages each way. @throws Error when it ends with another status than OK, or early */
function exchange(session: ClientHttp2Session, messages: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let received = 0;
    let sent = 1;
    let status: unknown;
    stream.write(streamRequest);
    stream.on('response', (headers) => (status = headers['grpc-status']));
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      // the answer is of one size: whole messages are counted by it
      if (received < sent * streamReply.length) return;
      if (sent++ < messages) stream.write(streamRequest);
      else stream.end();
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (status = trailers['grpc-status']));
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === '0' && received === messages * streamReply.length) resolve();
      else reject(new Error(`a stream ended with grpc-status ${String(status)} after ${received} bytes`));
    });
  });
}

/**
 * Streams over several connections, so many of them at a time.
 * @param messages of each stream, each way
 */
export async function exchangeStreams(
  port: number,
  {
    streams,
    atOnce,
    messages,
    connections,
  }: Record<'streams' | 'atOnce' | 'messages' | 'connections', number>,
): Promise<void> {
  const sessions = Array.from({ length: connections }, () => http2.connect(`http://127.0.0.1:${port}`));
  for (const session of sessions) session.on('error', () => undefined);
  let left = streams;
  const lane = async (i: number): Promise<void> => {
    const session = sessions[i % connections] as ClientHttp2Session;
    while (left-- > 0) await exchange(session, messages);
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, (_, i) => lane(i)));
  } finally {
    for (const session of sessions) session.destroy();
  }
}

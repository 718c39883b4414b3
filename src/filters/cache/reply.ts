/** Keeps a copy of a reply while it passes to the client. */
import { joinInto } from '../../base/bytes.ts';
import { Code } from '../../base/status.ts';
import { Flow, messageIn, prefixBytes, type Reply, statusOf } from '../../call/index.ts';

/**
 * The same reply; `onMessage` gets its one message once it has ended well. It is not called for an error status, a
 * compressed message, more than one message, or more than `maxBytes`.
 */
export function copyReply(reply: Reply, maxBytes: number, onMessage: (message: Uint8Array) => void): Reply {
  const { body } = reply;
  const out = new Flow();
  let chunks: Uint8Array[] | undefined = [];
  let size = 0;
  out.onCredit = (bytes) => body.credit(bytes);
  out.onAbandon = (reason) => {
    chunks = undefined;
    body.abandon(reason);
  };
  body.read({
    onData(chunk) {
      size += chunk.length;
      if (size > maxBytes + prefixBytes) chunks = undefined;
      if (chunks !== undefined) joinInto(chunks, chunk);
      out.push(chunk);
    },
    onEnd(trailers) {
      out.end(trailers);
      const message = chunks === undefined || statusOf(trailers) !== Code.OK ? undefined : whole(chunks);
      chunks = undefined;
      if (message !== undefined) onMessage(message);
    },
    onError: (error) => out.fail(error),
  });
  return { metadata: reply.metadata, body: out, from: reply.from };
}

function whole(chunks: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    const message = messageIn(chunks);
    return message === undefined || message.compressed ? undefined : message.bytes;
  } catch {
    return undefined;
  }
}

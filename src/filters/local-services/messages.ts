/** Messages in and out for the services that the gateway answers itself. */
import { Code, StatusError } from '../../base/status.ts';
import {
  type Call,
  Flow,
  messagePrefix,
  type Metadata,
  noMetadata,
  prefixBytes,
  type Reply,
  wholeMessage,
} from '../../call/index.ts';

/** Requests of these services are names; nobody needs more, in bytes. */
const maxRequestBytes = 64 * 1024;

/** The one request message of a call. @throws StatusError UNIMPLEMENTED when there is none, or it is compressed */
export async function requestMessage(call: Call): Promise<Uint8Array> {
  const message = await wholeMessage(call.request, maxRequestBytes);
  if (message === undefined)
    throw new StatusError(Code.UNIMPLEMENTED, `${call.method.name} takes one request message, none came`);
  if (message.compressed)
    throw new StatusError(Code.UNIMPLEMENTED, 'compressed messages are not read by this service');
  return message.bytes;
}

const ok: Metadata = ['grpc-status', '0'];

/** Splits a request flow into messages. The listener may throw a StatusError: the reply then ends with it. */
export function eachMessage(
  request: Flow,
  listener: { message(bytes: Uint8Array): void; end(): void; error(error: StatusError): void },
): void {
  let held: Uint8Array = new Uint8Array(0);
  let over = false;
  const stop = (reason: unknown): void => {
    over = true;
    listener.error(StatusError.from(reason));
    request.detach();
  };
  request.read({
    onData(chunk) {
      request.credit(chunk.length);
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      try {
        while (!over && held.length >= prefixBytes) {
          const length = new DataView(held.buffer, held.byteOffset).getUint32(1);
          if (length > maxRequestBytes) {
            throw new StatusError(
              Code.RESOURCE_EXHAUSTED,
              `message is ${length} bytes, the limit is ${maxRequestBytes} bytes`,
            );
          }
          if (held[0] !== 0)
            throw new StatusError(Code.UNIMPLEMENTED, 'compressed messages are not read by this service');
          if (held.length < prefixBytes + length) return;
          const message = held.subarray(prefixBytes, prefixBytes + length);
          held = held.subarray(prefixBytes + length);
          listener.message(message);
        }
      } catch (reason) {
        stop(reason);
      }
    },
    onEnd() {
      if (over) return;
      if (held.length > 0) stop(new StatusError(Code.INTERNAL, 'the request ended inside a message'));
      else listener.end();
    },
    onError(error) {
      if (!over) listener.error(error);
    },
  });
}

/** A reply whose messages are sent one after the other. */
export function messageStream(): {
  reply: Reply;
  readonly send: (message: Uint8Array) => void;
  readonly end: () => void;
  readonly fail: (error: StatusError) => void;
} {
  const body = new Flow();
  return {
    reply: { metadata: noMetadata, body, from: 'gateway' },
    send(message) {
      body.push(Buffer.concat([messagePrefix(message.length), message]));
    },
    end() {
      body.end(ok);
    },
    fail(error) {
      body.fail(error);
    },
  };
}

/** A call's request as one uncompressed message, without taking it from whoever answers the call. */
import { type Cancellation, type Flow, messageIn, prefixBytes } from '../call/index.ts';

/**
 * Waits for the whole message. Undefined when it cannot be had: larger than the limit, compressed, not one message,
 * failed, or not kept by its flow. The flow can be read again from the start.
 */
export async function requestMessage(
  call: { readonly request: Flow; readonly cancellation: Cancellation },
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const flow = call.request;
  if (!flow.retains) return undefined;
  if (!flow.done && !(await complete(flow, call.cancellation, maxBytes))) return undefined;
  if (!flow.ended || flow.bytes > maxBytes + prefixBytes) return undefined;
  try {
    const message = messageIn(flow.peek());
    return message === undefined || message.compressed ? undefined : message.bytes;
  } catch {
    return undefined;
  }
}

/**
 * Reads to the end, giving the sender room as it goes; false when there is too much, or it fails, or the client
 * leaves.
 */
function complete(flow: Flow, cancellation: Cancellation, maxBytes: number): Promise<boolean> {
  if (cancellation.reason !== undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (ok: boolean): void => {
      stopListening();
      flow.detach();
      resolve(ok);
    };
    const stopListening = cancellation.onCancel(() => done(false));
    flow.readToPeek({
      onData(chunk) {
        flow.credit(chunk.length);
        if (flow.bytes > maxBytes + prefixBytes) done(false);
      },
      onEnd: () => done(true),
      onError: () => done(false),
    });
  });
}

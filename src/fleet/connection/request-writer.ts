/** Writes a call's request to its stream at a backend, and credits what the stream takes. */
import type { StatusError } from '../../base/status.ts';
import type { Flow, FlowReader } from '../../call/index.ts';
import type { ClientStream } from '../../wire/index.ts';

/**
 * Flow reader that writes a request to its HTTP/2 stream and half-closes the stream at the end. Bytes are credited to
 * the flow once the stream no longer queues them.
 */
export class RequestWriter implements FlowReader {
  readonly #stream: ClientStream;
  readonly #request: Flow;
  readonly #onError: (error: StatusError) => void;
  /** Bytes that were written but wait for the backend to read on. */
  #uncredited = 0;

  constructor(stream: ClientStream, request: Flow, onError: (error: StatusError) => void) {
    this.#stream = stream;
    this.#request = request;
    this.#onError = onError;
  }

  onData(chunk: Uint8Array): void {
    this.#stream.write(chunk);
    if (this.#stream.queuedBytes === 0) this.#request.credit(chunk.length);
    else this.#uncredited += chunk.length;
  }

  get holds(): boolean {
    return this.#stream.holds;
  }

  onEnd(): void {
    this.#stream.end();
  }

  onError(error: StatusError): void {
    this.#onError(error);
  }

  drained(): void {
    // what waits for the backend is held, and the client's to wait for
    const waiting = this.#stream.queuedBytes;
    const bytes = this.#uncredited - waiting;
    this.#uncredited = waiting;
    this.#request.credit(bytes);
  }
}

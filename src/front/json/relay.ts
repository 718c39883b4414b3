/**
 * An answer on its way from a backend to the client: each message at once, no faster than the client reads, and an
 * end that tells the truth.
 */
import { detach } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { errorOf, type Flow, type FlowReader, Messages, statusOf } from '../../call/index.ts';
import type { HeaderList, JsonRequest } from './json-request.ts';

/** A body whose pieces are the messages of a flow. */
export interface Relayed {
  readonly flow: Flow;
  /** Which backend. */
  readonly from: string;
  readonly maxMessageBytes: number;
  /** What an answer that breaks off says of it at its end. */
  readonly lastWords: (error: StatusError) => string;
}

/**
 * Begins a response and writes each message of the flow to it, with credit as the client reads. A flow that fails or
 * ends with an error status ends in `lastWords` and an aborted response, so that the client sees no regular end.
 */
export function relay(request: JsonRequest, status: number, headers: HeaderList, body: Relayed): void {
  request.respond(status, headers);
  const reader = new Relay(request, body);
  body.flow.read(reader);
  // behind those who count the call, so that its end is known when the answer's is told
  body.flow.whenDone((error) => {
    reader.done(error);
  });
}

class Relay implements FlowReader {
  readonly #request: JsonRequest;
  readonly #body: Relayed;
  readonly #messages: Messages;
  #goOn = true;
  /** Bytes that came while the client has not read what came before. */
  #owed = 0;
  #over = false;

  constructor(request: JsonRequest, body: Relayed) {
    this.#request = request;
    this.#body = body;
    this.#messages = new Messages(body.maxMessageBytes, (message) => {
      if (!request.write(message)) this.#wait();
    });
  }

  onData(chunk: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#messages.push(chunk);
    } catch (reason) {
      const error = StatusError.from(reason, this.#body.from);
      this.#body.flow.abandon(error);
      this.#breakOff(error);
      return;
    }
    if (this.#goOn) this.#body.flow.credit(chunk.length);
    else this.#owed += chunk.length;
  }

  onEnd(): void {
    // done() is told
  }

  onError(): void {
    // done() is told
  }

  done(failure: StatusError | undefined): void {
    if (this.#over) return;
    const { flow, from } = this.#body;
    const ended = failure === undefined && statusOf(flow.trailers) === Code.OK;
    if (!ended) {
      this.#breakOff(failure ?? errorOf(flow.trailers, from));
      return;
    }
    this.#over = true;
    this.#request.end();
  }

  /** The client is told, and has no end of the answer that it could take for one. */
  #breakOff(error: StatusError): void {
    if (this.#over) return;
    this.#over = true;
    const request = this.#request;
    request.message = error.message;
    const goOn = request.write(Buffer.from(this.#body.lastWords(error)));
    const cut = (): void => {
      request.abort();
    };
    // once the words are out of this process
    const out = goOn ? new Promise((resolve) => setImmediate(resolve)) : request.drained();
    detach('stream', out.then(cut), cut);
  }

  #wait(): void {
    if (!this.#goOn) return;
    this.#goOn = false;
    const read = this.#request.drained().then(() => {
      this.#goOn = true;
      const bytes = this.#owed;
      this.#owed = 0;
      if (!this.#over) this.#body.flow.credit(bytes);
    });
    detach('stream', read, () => {
      this.#request.abort();
    });
  }
}

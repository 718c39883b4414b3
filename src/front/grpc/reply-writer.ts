/** Writes a Reply to the client's stream as it arrives, at the pace the client reads. */
import { Code, StatusError } from '../../base/status.ts';
import { type Flow, type FlowReader, type Metadata, type Reply, trailersOf } from '../../call/index.ts';
import type { ServerStream } from '../../wire/index.ts';
import { FrameWatch } from './frame-watch.ts';
import type { RpcHead } from './head.ts';
import { headersOf, trailersOnly } from './reply-head.ts';

/** Told once, when the last byte is written or the stream is gone. */
export interface ReplyOwner {
  onReplied(): void;
}

/**
 * Writes the reply of one call to its stream: headers, messages as they arrive and trailers, or a trailers-only
 * response. Bytes are credited to the reply's flow as the client reads them.
 */
export class ReplyWriter implements FlowReader {
  readonly #stream: ServerStream;
  readonly #head: Pick<RpcHead, 'contentType' | 'tellsServer'>;
  readonly #watch: FrameWatch;
  readonly #owner: ReplyOwner;
  #body: Flow | undefined;
  #headersSent = false;
  /** Reply bytes that were written but wait for the client to read on. */
  #uncredited = 0;
  #blocked = false;
  over = false;

  /** @param maxMessageBytes the largest message, by its length prefix */
  constructor(
    stream: ServerStream,
    head: Pick<RpcHead, 'contentType' | 'tellsServer'>,
    maxMessageBytes: number,
    owner: ReplyOwner,
  ) {
    this.#stream = stream;
    this.#head = head;
    this.#watch = new FrameWatch(maxMessageBytes);
    this.#owner = owner;
  }

  /** The handler has answered. */
  get answered(): boolean {
    return this.#body !== undefined;
  }

  answer(reply: Reply): void {
    const body = reply.body;
    if (this.over) {
      body.abandon();
      return;
    }
    this.#body = body;
    // a trailers-only reply stays one: clients tell it from headers followed by empty trailers
    const trailersOnlyReply = body.ended && body.bytes === 0 && reply.metadata.length === 0;
    const { contentType, tellsServer } = this.#head;
    if (tellsServer || !trailersOnlyReply) {
      this.#headersSent = true;
      this.#stream.respond(headersOf(reply.metadata, contentType, tellsServer ? reply.from : undefined));
    }
    body.read(this);
  }

  onData(chunk: Uint8Array): void {
    try {
      this.#watch.feed(chunk);
    } catch (reason) {
      this.cut(StatusError.from(reason));
      return;
    }
    if (this.#stream.write(chunk) && !this.#blocked) this.#body?.credit(chunk.length);
    else {
      this.#blocked = true;
      this.#uncredited += chunk.length;
    }
  }

  onEnd(trailers: Metadata): void {
    if (this.over) return;
    this.over = true;
    if (this.#headersSent) this.#stream.end(trailers);
    else this.#stream.respond(trailersOnly(trailers, this.#head.contentType), true);
    this.#owner.onReplied();
  }

  onError(error: StatusError): void {
    this.#fail(error, undefined);
  }

  #fail(error: StatusError, id: string | undefined): void {
    // after the deadline nobody waits for the rest
    if (error.code === Code.DEADLINE_EXCEEDED && this.#headersSent && this.#stream.queuedBytes > 0)
      this.expire(error);
    else if (id === undefined) this.onEnd(trailersOf(error));
    else this.onEnd([...trailersOf(error), 'x-request-id', id]);
  }

  /** The client has not read its answer in time: what it has not taken is thrown away. */
  expire(error: StatusError): void {
    const first = !this.over;
    this.over = true;
    this.#stream.cut(trailersOf(error));
    if (first) this.#owner.onReplied();
  }

  /** The client has read on. */
  drain(): void {
    this.#blocked = false;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    if (bytes > 0) this.#body?.credit(bytes);
  }

  /** The client's stream is gone. */
  abort(): void {
    this.over = true;
    this.#body?.abandon();
  }

  /**
   * Nothing more comes of the reply (a deadline, a refused request).
   * @param id x-request-id, where the gateway itself has refused the call
   */
  cut(error: StatusError, id?: string): void {
    if (this.over) return;
    // first: whoever watches the body shall hear this reason, and not what becomes of it when the request is let go
    this.#body?.abandon(error);
    this.#fail(error, id);
  }
}

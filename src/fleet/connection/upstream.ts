/**
 * One call on a stream to a backend: the request flow goes out, the reply flow comes in, each at the pace of its
 * reader.
 */
import type { Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  type Call,
  type CancelListener,
  Flow,
  formatTimeout,
  never,
  noMetadata,
  type Reply,
  statusOf,
} from '../../call/index.ts';
import {
  type ClientStream,
  ErrorCode,
  type Headers,
  type Http2Client,
  type StreamEvents,
} from '../../wire/index.ts';
import { headOf } from './reply-head.ts';
import { trailersFrom } from './reply-trailers.ts';
import { malformedAnswer, resetError } from './reset-error.ts';
import { RequestWriter } from './request-writer.ts';

export interface UpstreamDeps {
  readonly client: Http2Client;
  readonly headers: Headers;
  /** The backend's name. */
  readonly where: string;
  readonly clock: Clock;
  /** Called once, when nothing more comes; the error is the gateway's own view, not a status of the backend's. */
  readonly onOver: (error: StatusError | undefined, trailers: readonly string[]) => void;
}

/** How much sooner a backend's timer may strike than ours: grpc-timeout is rounded down to whole units, in ms. */
const clockSlackMs = 5;

/** Sends a call; the promise is its reply, or the StatusError that ended it before there was one. */
export function sendCall(call: Call, deps: UpstreamDeps): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const upstream = new Upstream(call, deps, resolve, reject);
    try {
      upstream.start();
    } catch (reason) {
      upstream.broke(reason);
    }
  });
}

/**
 * A unary reply up to this size is given when it is whole: a connection that breaks in the middle of it costs another
 * attempt and not the call. Larger ones are forwarded as they arrive. In bytes.
 */
const heldBytes = 65_536;

class Upstream implements StreamEvents, CancelListener {
  readonly #call: Call;
  readonly #deps: UpstreamDeps;
  #resolve: ((reply: Reply) => void) | undefined;
  readonly #reject: (error: StatusError) => void;
  readonly #body = new Flow();
  #metadata: readonly string[] = noMetadata;
  #stream: ClientStream | undefined;
  #writer: RequestWriter | undefined;
  #over = false;

  constructor(
    call: Call,
    deps: UpstreamDeps,
    resolve: (reply: Reply) => void,
    reject: (error: StatusError) => void,
  ) {
    this.#call = call;
    this.#deps = deps;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const call = this.#call;
    const { client, headers, clock } = this.#deps;
    const varying =
      call.deadline === never ? noMetadata : ['grpc-timeout', formatTimeout(call.deadline - clock())];
    const stream = client.request(headers, varying, false, this);
    this.#stream = stream;
    this.#body.onCredit = (bytes) => {
      stream.credit(bytes);
    };
    this.#body.onAbandon = (reason) => {
      this.#cut(reason);
    };
    this.#writer = new RequestWriter(stream, call.request, (error) => {
      this.#cut(error);
    });
    call.request.read(this.#writer);
    // it is told at once of a call that was cancelled already
    if (!this.#over) call.cancellation.listen(this);
  }

  onCancelled(reason: StatusError): void {
    this.#cut(reason);
  }

  onHeaders(fields: Headers, end: boolean): void {
    if (this.#over) return;
    const head = headOf(fields, end);
    if ('error' in head) {
      this.#fail(
        new StatusError(head.error.code, head.error.message, { where: this.#deps.where, fromBackend: true }),
      );
      if (!end) this.#stream?.reset(ErrorCode.CANCEL);
      return;
    }
    this.#metadata = head.metadata;
    if (end) this.#end(head.trailers);
    else if (this.#call.kind === 'stream') this.#answer();
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#body.push(chunk);
    if (this.#call.kind === 'stream' || this.#body.bytes > heldBytes) this.#answer();
  }

  onEnd(trailers: Headers): void {
    if (!this.#over) this.#end(trailersFrom(trailers));
  }

  onReset(code: number, notProcessed: boolean, fault?: string): void {
    if (this.#over) return;
    const { where, client } = this.#deps;
    if (fault !== undefined) this.#fail(malformedAnswer(where, fault));
    else if (code === ErrorCode.CANCEL && this.#timeIsUp()) this.#fail(this.#exceeded());
    else this.#fail(resetError(code, where, notProcessed, client));
  }

  /** The backend keeps the same deadline and may be the first to act on it, by cancelling. */
  #timeIsUp(): boolean {
    return this.#deps.clock() >= this.#call.deadline - clockSlackMs;
  }

  #exceeded(): StatusError {
    const { where } = this.#deps;
    return new StatusError(Code.DEADLINE_EXCEEDED, `deadline exceeded: backend ${where} gave up`, { where });
  }

  onDrain(): void {
    this.#writer?.drained();
  }

  /** A unary call's reply is given late, so that everything before can still be tried again. */
  #answer(): void {
    this.#resolve?.({ metadata: this.#metadata, body: this.#body, from: this.#deps.where });
    this.#resolve = undefined;
  }

  #end(trailers: readonly string[]): void {
    if (statusOf(trailers) === Code.CANCELLED && this.#timeIsUp()) {
      this.#fail(this.#exceeded());
      return;
    }
    this.#done();
    this.#body.end(trailers);
    this.#answer();
    this.#deps.onOver(undefined, trailers);
    // an early answer: the rest of the request is not wanted
    if (!this.#call.request.done) this.#stream?.reset(ErrorCode.NO_ERROR);
  }

  #fail(error: StatusError): void {
    if (this.#over) return;
    this.#done();
    this.#deps.onOver(error, noMetadata);
    if (this.#resolve === undefined) this.#body.fail(error);
    else {
      this.#resolve = undefined;
      this.#reject(error);
    }
  }

  /** A fault of this process's own: the call is over all the same, and is counted as such. */
  broke(reason: unknown): void {
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#fail(StatusError.from(reason, this.#deps.where));
  }

  /** This side wants no more of it. */
  #cut(reason: StatusError): void {
    if (this.#over) return;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#fail(reason.code === Code.OK ? new StatusError(Code.CANCELLED, 'cancelled') : reason);
  }

  #done(): void {
    this.#over = true;
    this.#call.cancellation.unlisten(this);
    // the reader of the request was this stream; a retry reads it anew
    if (!this.#call.request.done) this.#call.request.detach();
  }
}

/** The outermost filter: tells the observer of each call's start and, exactly once, of its end. */
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import {
  type Call,
  type CallEnd,
  type CancelListener,
  decodeGrpcMessage,
  type Filter,
  getMetadata,
  type Handler,
  noMetadata,
  type Observer,
  type Reply,
  statusOf,
} from '../call/index.ts';
import type { ModelView } from '../models/index.ts';

export interface ObserveDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly view: Pick<ModelView, 'knows' | 'defaultVersion'>;
}

/**
 * Counts calls. Whatever happens first is the end: the reply's end or failure, a thrown error, the client's leaving.
 */
export function observeFilter(deps: ObserveDeps): Filter {
  return (next) => (call) => new Watch(call, deps).over(next);
}

/** One call under observation: as it ends, it is what is told of it. */
class Watch implements CancelListener, CallEnd {
  readonly call: Call;
  readonly started: unknown;
  code: Code = Code.UNKNOWN;
  message = '';
  where = '';
  durationMs: number;
  from = '';
  requestBytes = 0;
  replyBytes = 0;
  version = '';
  knownModel = false;
  readonly #deps: ObserveDeps;
  readonly #startedMs: number;
  #reply: Reply | undefined;
  #ended = false;

  constructor(call: Call, deps: ObserveDeps) {
    this.call = call;
    this.#deps = deps;
    this.#startedMs = deps.clock();
    // hot: 0020
    // a fraction until it is known: from 0, V8 would make another shape of the object with the first one
    this.durationMs = this.#startedMs;
    this.started = deps.observer.callStarted(call);
    // A handler below may never settle a call that its client has left; its end must be told all the same.
    call.cancellation.listen(this);
  }

  onCancelled(reason: StatusError): void {
    this.#end(reason.code, reason);
  }

  /** Not async: that would be a promise and a generator more for every call. */
  over(next: Handler): Promise<Reply> {
    try {
      return next(this.call).then(this.#answered, this.#failed);
    } catch (reason) {
      return Promise.resolve(reason).then(this.#failed);
    }
  }

  readonly #answered = (reply: Reply): Reply => {
    this.#reply = reply;
    const { body } = reply;
    if (body.done) this.#bodyEnded(body.error);
    else {
      const producerHook = body.onAbandon;
      body.onAbandon = (reason) => {
        this.#end(reason.code, reason);
        producerHook?.(reason);
      };
      body.whenDone((error) => {
        this.#bodyEnded(error);
      });
    }
    return reply;
  };

  /** @throws what it is given, as a StatusError */
  readonly #failed = (reason: unknown): never => {
    const error = StatusError.from(reason);
    this.#end(error.code, error);
    throw error;
  };

  #bodyEnded(error: StatusError | undefined): void {
    if (error === undefined) this.#end(statusOf(this.#reply?.body.trailers ?? noMetadata));
    else this.#end(error.code, error);
  }

  /** `error` is what the gateway says; without one, the reply's trailers tell. */
  #end(code: Code, error?: StatusError): void {
    if (this.#ended) return;
    this.#ended = true;
    const { observer, clock, view } = this.#deps;
    const call = this.call;
    call.cancellation.unlisten(this);
    const reply = this.#reply;
    const { target } = call;
    this.code = code;
    this.durationMs = clock() - this.#startedMs;
    this.requestBytes = call.request.bytes;
    if (error !== undefined || code !== Code.OK) {
      this.message = error?.message ?? messageOf(reply);
      this.where = error?.where ?? '';
    }
    if (reply !== undefined) {
      this.from = reply.from;
      this.replyBytes = reply.body.bytes;
    } else if (error?.fromBackend === true) this.from = error.where ?? '';
    if (target !== undefined) {
      this.version = versionText(target.version ?? defaultVersion(call, view));
      this.knownModel = view.knows(target);
    }
    observer.callEnded(this);
  }
}

let newestVersion: bigint | undefined;
let newestText = '';

/** Calls of one version follow each other, and a bigint is slow to write. */
function versionText(version: bigint | undefined): string {
  if (version !== newestVersion) {
    newestVersion = version;
    newestText = version === undefined ? '' : String(version);
  }
  return newestText;
}

/** A label's version is the backend's to know. */
function defaultVersion(call: Call, view: ObserveDeps['view']): bigint | undefined {
  const { target } = call;
  return target === undefined || target.label !== undefined ? undefined : view.defaultVersion(target);
}

function messageOf(reply: Reply | undefined): string {
  return reply === undefined ? '' : decodeGrpcMessage(getMetadata(reply.body.trailers, 'grpc-message') ?? '');
}

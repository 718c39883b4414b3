/** The outermost filter: tells the observer of each call's start and, exactly once, of its end. */
import {
  type Call,
  type CancelListener,
  type Clock,
  Code,
  decodeGrpcMessage,
  type Filter,
  getMetadata,
  type Observer,
  type Reply,
  StatusError,
  statusOf,
} from '../call/index.ts';
import type { ModelView } from '../models/index.ts';

export interface ObserveDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly view: Pick<ModelView, 'knows' | 'defaultVersion'>;
}

/** Counts calls. Whatever happens first is the end: the reply's end or failure, a thrown error, the client's leaving. */
export function observeFilter(deps: ObserveDeps): Filter {
  return (next) => async (call) => {
    const watch = new Watch(call, deps);
    try {
      const reply = await next(call);
      watch.answered(reply);
      return reply;
    } catch (reason) {
      const error = StatusError.from(reason);
      watch.end(error.code, error);
      throw error;
    }
  };
}

/** One call under observation. */
class Watch implements CancelListener {
  readonly #call: Call;
  readonly #deps: ObserveDeps;
  readonly #startedMs: number;
  readonly #started: unknown;
  #reply: Reply | undefined;
  #ended = false;

  constructor(call: Call, deps: ObserveDeps) {
    this.#call = call;
    this.#deps = deps;
    this.#startedMs = deps.clock();
    this.#started = deps.observer.callStarted(call);
    // A handler below may never settle a call that its client has left; its end must be told all the same.
    call.cancellation.listen(this);
  }

  onCancelled(reason: StatusError): void {
    this.end(reason.code, reason);
  }

  answered(reply: Reply): void {
    this.#reply = reply;
    const { body } = reply;
    if (!body.done) {
      const producerHook = body.onAbandon;
      body.onAbandon = (reason) => {
        this.end(reason.code, reason);
        producerHook?.(reason);
      };
    }
    body.whenDone((error) => {
      if (error !== undefined) this.end(error.code, error);
      else this.end(statusOf(body.trailers));
    });
  }

  /** `error` is what the gateway says; without one, the reply's trailers tell. */
  end(code: Code, error?: StatusError): void {
    if (this.#ended) return;
    this.#ended = true;
    const { observer, clock, view } = this.#deps;
    const call = this.#call;
    call.cancellation.unlisten(this);
    const reply = this.#reply;
    const { target } = call;
    const version = target === undefined ? undefined : (target.version ?? defaultVersion(call, view));
    observer.callEnded({
      call,
      started: this.#started,
      code,
      message: error?.message ?? (code === Code.OK ? '' : messageOf(reply)),
      where: error?.where ?? '',
      durationMs: clock() - this.#startedMs,
      from: reply?.from ?? (error?.fromBackend === true ? (error.where ?? '') : ''),
      requestBytes: call.request.bytes,
      replyBytes: reply?.body.bytes ?? 0,
      version: versionText(version),
      knownModel: target !== undefined && view.knows(target.model),
    });
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
  return target === undefined || target.label !== undefined ? undefined : view.defaultVersion(target.model);
}

function messageOf(reply: Reply | undefined): string {
  return reply === undefined ? '' : decodeGrpcMessage(getMetadata(reply.body.trailers, 'grpc-message') ?? '');
}

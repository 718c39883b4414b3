/** One gRPC call at a door: the client's bytes become a Call, the Reply's bytes go back; both untouched. */
import { fault } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  type BufferOwner,
  type Call,
  Cancellation,
  Flow,
  type Protocol,
  type Reply,
  type Target,
} from '../../call/index.ts';
import { ErrorCode, type ServerStream, type StreamEvents } from '../../wire/index.ts';
import type { GrpcCallState } from './call-state.ts';
import type { RpcDeps } from './deps.ts';
import type { RpcHead } from './head.ts';
import { tellRefused } from './refused.ts';
import { RequestReader } from './request-reader.ts';

/**
 * Server side of one gRPC or gRPC-Web call: reads the target, enforces deadline, message size and minimum body rate,
 * gives the call to the handler and writes its reply. `begin()` must be called once after construction.
 */
export class GrpcServerCall extends RequestReader implements StreamEvents {
  readonly #via: Protocol;
  readonly #peer: string;
  readonly #cancellation = new Cancellation();
  /** The filters have the call, and count it. */
  #sent = false;
  #ownId: string | undefined;

  constructor(stream: ServerStream, head: RpcHead, deps: RpcDeps, via: Protocol, peer: string) {
    super(stream, head, deps);
    this.#via = via;
    this.#peer = peer;
  }

  /** For tests and debuggers. Of a lost connection what was queued counts still. */
  get state(): GrpcCallState {
    if (this.reply.over) return this.stream.queuedBytes > 0 ? 'draining' : 'closed';
    if (this.request !== undefined) return this.reply.answered ? 'replying' : 'dispatched';
    return this.isInflating ? 'inflating' : 'awaiting target';
  }

  /** Begins; apart from the constructor, because a failure answers the stream at once. */
  begin(): void {
    try {
      this.startDeadline();
    } catch (reason) {
      this.refuse(reason);
      return;
    }
    if (this.head.method.target !== undefined) this.awaitTarget();
    else this.dispatch(undefined, []);
  }

  onReset(): void {
    if (this.reply.over) return;
    this.reply.abort();
    this.#cancellation.cancel();
    this.letGo();
  }

  onDrain(): void {
    this.reply.drain();
  }

  protected dispatch(target: Target | undefined, chunks: readonly Uint8Array[], memory?: BufferOwner): void {
    const { head, deps } = this;
    const unary = target !== undefined && !head.method.streaming;
    const request = new Flow(unary, deps.options.maxRetainedBytes, deps.memory);
    this.request = request;
    this.clearTimer();
    this.passEarly();
    request.onCredit = (bytes) => {
      this.creditRead(bytes);
    };
    for (const chunk of chunks) request.push(chunk, memory);
    if (this.requestEnded && !this.readsTargets) request.end();
    const call: Call = {
      kind: unary ? 'unary' : 'stream',
      method: head.method,
      via: this.#via,
      metadata: head.metadata,
      target,
      request,
      deadline: this.deadline,
      cancellation: this.#cancellation,
      avoid: undefined,
      avoidStrictly: undefined,
      failedAt: undefined,
      onPicked: undefined,
      scalarText: this.scalarText,
      zeroVersion: this.zeroVersion,
      sequence: undefined,
      memory: this,
      http: undefined,
      id: this.#id,
      peer: this.#peer,
    };
    // after all that came with the request: a call that was reset in the same breath reaches no backend
    // (CVE-2023-44487)
    queueMicrotask(() => {
      this.#send(call);
    });
  }

  #send(call: Call): void {
    if (this.#cancellation.reason !== undefined) return;
    this.#sent = true;
    try {
      this.deps.handler(call).then(
        (reply) => {
          this.#answer(reply);
        },
        (reason: unknown) => {
          this.#fail(reason);
        },
      );
    } catch (reason) {
      this.#broke(reason);
    }
  }

  #answer(reply: Reply): void {
    try {
      this.reply.answer(reply);
    } catch (reason) {
      this.#broke(reason);
    }
  }

  #fail(reason: unknown): void {
    try {
      this.reply.cut(StatusError.from(reason), this.#id);
    } catch (second) {
      this.#broke(second);
    }
  }

  #broke(reason: unknown): void {
    fault('stream', reason);
    this.giveUp();
  }

  protected giveUp(): void {
    this.reply.abort();
    this.stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#cancellation.cancel();
    this.letGo();
  }

  protected refuse(reason: unknown): void {
    const error = StatusError.from(reason);
    const { observer } = this.deps;
    if (error.code === Code.RESOURCE_EXHAUSTED && error.retryAfterMs === undefined)
      observer.limited('message');
    if (!this.#sent && !this.reply.over)
      tellRefused(observer, this.head, [this.#via, this.#id, this.#peer], this.received, error);
    this.reply.cut(error, this.#id);
    this.#cancellation.cancel(error);
  }

  /** Made when somebody asks. */
  get #id(): string {
    return (this.#ownId ??= this.head.requestId ?? this.deps.nextId());
  }

  onReplied(): void {
    // an early answer: the client need not send the rest (RFC 9113 §8.1)
    if (!this.requestEnded) this.stream.reset(ErrorCode.NO_ERROR);
    this.letGo();
  }
}

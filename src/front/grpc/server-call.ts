/** One gRPC call at a door: the client's bytes become a Call, the Reply's bytes go back; both untouched. */
import { joinInto, uint32At } from '../../base/bytes.ts';
import { detach, fault, guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  type BufferOwner,
  type Call,
  Cancellation,
  Flow,
  getMetadata,
  type Metadata,
  never,
  prefixBytes,
  type Protocol,
  type Reply,
  type Target,
} from '../../call/index.ts';
import type { ModelSpec, TargetWatch } from '../../codec/index.ts';
import {
  type CallMemory,
  largeBytes,
  MemoryKind,
  MemoryReservation,
  type ReservationOwner,
} from '../../memory/index.ts';
import { ErrorCode, type ServerStream, type StreamEvents } from '../../wire/index.ts';
import { MinBodyRate } from '../min-body-rate.ts';
import { moreTimeOf, timeoutOf } from '../timeout.ts';
import type { RpcDeps } from './deps.ts';
import { FrameWatch } from './frame-watch.ts';
import type { RpcHead } from './head.ts';
import { tellRefused } from './refused.ts';
import { type ReplyOwner, ReplyWriter } from './reply-writer.ts';
import { type StreamSink, StreamTargets } from './stream-targets.ts';
import { type Opened, TargetReader } from './target-reader.ts';
import { atTurnsEnd, type UnresolvedCall } from './target-timeout.ts';

/** A client with more than this on its way waits for us, not we for it, in bytes. */
const onItsWayBytes = 16_384;

/**
 * Server side of one gRPC or gRPC-Web call: reads the target, enforces deadline, message size and minimum body rate,
 * gives the call to the handler and writes its reply. `begin()` must be called once after construction.
 */
export class GrpcServerCall
  implements StreamEvents, ReservationOwner, CallMemory, UnresolvedCall, ReplyOwner
{
  readonly #stream: ServerStream;
  readonly #head: RpcHead;
  readonly #deps: RpcDeps;
  readonly #via: Protocol;
  readonly #peer: string;
  readonly #watch: FrameWatch;
  readonly #cancellation = new Cancellation();
  #deadline = never;
  /** The request as the gateway passes it on; absent until the target is known. */
  #request: Flow | undefined;
  #opening: TargetReader | undefined;
  /** Of a message that was not whole when the call began. */
  #rest: TargetWatch | undefined;
  /** Of a stream whose messages name a model each. */
  #targets: StreamTargets | undefined;
  /** Chunks that came while a compressed message was being read. */
  #waiting: Uint8Array[] | undefined;
  /** Bytes credited to the client before the call began; the flow's first credits are these. */
  #prepaid = 0;
  #requestEnded = false;
  /** The filters have the call, and count it. */
  #sent = false;
  #received = 0;
  #credited = 0;
  /**
   * What came before the call began; and what was made of its messages on their way. Each is there once it holds
   * something.
   */
  #early: MemoryReservation | undefined;
  #rebuilt: MemoryReservation | undefined;
  /** Of a call whose model is not known yet. */
  #timer: NodeJS.Timeout | undefined;
  /** As Call has it. */
  #scalarText = false;
  /** As Call has it. */
  #zeroVersion = false;
  /** Made when somebody looks. */
  #pace: MinBodyRate | undefined;
  readonly #reply: ReplyWriter;
  #ownId: string | undefined;

  constructor(stream: ServerStream, head: RpcHead, deps: RpcDeps, via: Protocol, peer: string) {
    this.#stream = stream;
    this.#head = head;
    this.#deps = deps;
    this.#via = via;
    this.#peer = peer;
    const { maxMessageBytes } = deps.options;
    this.#reply = new ReplyWriter(stream, head, maxMessageBytes, this);
    this.#watch = new FrameWatch(maxMessageBytes);
  }

  /** Begins; apart from the constructor, because a failure answers the stream at once. */
  begin(): void {
    const head = this.#head;
    const { options, clock } = this.#deps;
    try {
      const timeoutMs = timeoutOf(head.method, this.#asked(), options.timeouts);
      if (timeoutMs !== never) this.#deadline = clock() + timeoutMs;
    } catch (reason) {
      this.#refuse(reason);
      return;
    }
    if (head.method.target !== undefined) {
      const { resolve } = this.#deps;
      const { method, encoding } = head;
      const { byModel } = options.timeouts;
      this.#opening = new TargetReader({ method, encoding, memory: this }, options, (spec) => {
        if (byModel !== undefined && !method.streaming)
          this.#deadline += moreTimeOf(spec.name, this.#asked(), options.timeouts);
        return resolve(spec, head);
      });
      if (this.#deadline !== never) atTurnsEnd(this);
    } else this.#dispatch(undefined, []);
  }

  onData(chunk: Buffer, memory?: BufferOwner): void {
    this.#received += chunk.length;
    if (this.#reply.over) {
      memory?.release(chunk.length);
      this.#stream.credit(chunk.length);
      return;
    }
    try {
      this.#watch.feed(chunk);
      if (this.#deps.memory.bytes > this.#deps.memory.limitBytes) this.#claimRoom(chunk);
      if (this.#opening !== undefined || this.#waiting !== undefined) this.#open(chunk, false, memory);
      else this.#pass(chunk, memory);
    } catch (reason) {
      this.#refuse(reason);
    }
  }

  onEnd(_trailers: Metadata): void {
    this.#requestEnded = true;
    if (this.#reply.over) return;
    try {
      if (!this.#watch.atBoundary) {
        throw new StatusError(Code.INTERNAL, 'the request ended inside a message');
      }
      if (this.#opening !== undefined) this.#open(undefined, true);
      else if (this.#waiting === undefined && this.#targets?.end() !== false) this.#request?.end();
    } catch (reason) {
      this.#refuse(reason);
    }
  }

  onReset(): void {
    if (this.#reply.over) return;
    this.#reply.abort();
    this.#cancellation.cancel();
    this.#evict();
  }

  onDrain(): void {
    this.#reply.drain();
  }

  /**
   * An answer must be read until the deadline. A message that somebody waits for must come at a pace, whether it is
   * kept for another attempt or not: only the later ones of a stream may take their time.
   */
  onTick(): void {
    if (this.#reply.over && this.#stream.queuedBytes > 0 && this.#deps.clock() >= this.#deadline) {
      this.#deps.observer.limited('slow reader');
      this.#reply.expire(this.#exceeded('the answer was not read'));
      return;
    }
    if (this.#requestEnded || this.#reply.over) return;
    if (this.#head.method.streaming && this.#request?.started === true) return;
    this.#pace ??= new MinBodyRate(this.#deps.options.pace, this.#deps.clock);
    try {
      this.#pace.check(this.#received, this.#received - this.#credited > onItsWayBytes);
    } catch (reason) {
      this.#deps.observer.limited('slow body');
      this.#refuse(reason);
    }
  }

  // --- deadline ---

  /** grpc-timeout, as it came. */
  #asked(): string | undefined {
    return this.#head.timeout ?? getMetadata(this.#stream.varying, 'grpc-timeout');
  }

  stillWaits(): void {
    if (this.#reply.over || this.#request !== undefined) return;
    this.#timer = setTimeout(
      guarded('stream', () => {
        this.#refuse(this.#exceeded('it is not known yet which model is asked'));
      }),
      // it may have passed while the turn went on
      Math.max(0, this.#deadline - this.#deps.clock()),
    );
  }

  #exceeded(why: string): StatusError {
    return new StatusError(Code.DEADLINE_EXCEEDED, `deadline exceeded: ${why}`);
  }

  // --- request ---

  #open(chunk: Uint8Array | undefined, complete: boolean, memory?: BufferOwner): void {
    if (chunk !== undefined) {
      // the client must be able to go on sending until the target is known
      this.#credit(chunk.length);
      this.#prepaid += chunk.length;
    }
    if (this.#waiting !== undefined) {
      if (chunk !== undefined) {
        joinInto(this.#waiting, chunk);
        this.#hold(chunk.length);
      }
      this.#checkSingle();
      return;
    }
    if (complete && this.#head.method.streaming && this.#prepaid === 0) {
      // a stream that ends before its first message
      this.#opening = undefined;
      this.#dispatch(undefined, []);
      return;
    }
    const opening = this.#opening as TargetReader;
    // hot: 0020: a promise only for a compressed message that is long
    const opened = opening.push(chunk, complete);
    if (chunk !== undefined && (opened === undefined || opened instanceof Promise)) this.#hold(chunk.length);
    if (opened === undefined) return;
    this.#opening = undefined;
    if (!(opened instanceof Promise)) {
      this.#zeroVersion = opening.zeroVersion;
      this.#started(opened, [], chunk, memory);
      return;
    }
    const waiting: Uint8Array[] = [];
    this.#waiting = waiting;
    detach(
      'stream',
      opened.then(
        (result) => {
          this.#waiting = undefined;
          this.#zeroVersion = opening.zeroVersion;
          if (!this.#reply.over) this.#started(result, waiting);
        },
        (reason: unknown) => {
          this.#refuse(reason);
        },
      ),
      () => {
        this.#giveUp();
      },
    );
  }

  /** @param memory of the newest chunk, which counts when it is all that goes on */
  #started(
    { target, spec, chunks, watch, scalarText }: Opened,
    more: readonly Uint8Array[],
    newest?: Uint8Array,
    memory?: BufferOwner,
  ): void {
    try {
      this.#checkSingle();
      this.#rest = watch;
      const all = more.length === 0 ? chunks : [...chunks, ...more];
      if (this.#head.method.streaming && target !== undefined) this.#beginStream(target, spec, all);
      else {
        this.#scalarText = scalarText;
        this.#dispatch(target, all, all.length === 1 && all[0] === newest ? memory : undefined);
      }
    } catch (reason) {
      this.#refuse(reason);
    }
  }

  /** statuscodes.md: the wrong number of messages for the method's kind. */
  #checkSingle(): void {
    if (this.#watch.messages <= 1 || this.#head.method.streaming) return;
    throw new StatusError(
      Code.UNIMPLEMENTED,
      `${this.#head.method.name} takes one request message, more came`,
    );
  }

  #pass(chunk: Uint8Array, memory: BufferOwner | undefined): void {
    const request = this.#request;
    if (request === undefined) return;
    if (this.#watch.messages > 1) this.#checkSingle();
    // before it is sent on: no backend shall have the whole of a message that means another model
    if (this.#rest !== undefined) this.#rest.feed(chunk);
    if (this.#targets === undefined || this.#targets.push(chunk)) request.push(chunk, memory);
    else {
      // it waits here, and the client must be able to go on sending
      this.#credit(chunk.length);
      this.#prepaid += chunk.length;
    }
  }

  /**
   * The first message has been read, as far as it has come; those that follow will be.
   * @param chunks all that has come
   */
  #beginStream(target: Target, spec: ModelSpec, chunks: readonly Uint8Array[]): void {
    const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
    const size = prefixBytes + uint32At(all, 1);
    const sink: StreamSink = {
      pass: (chunk) => this.#request?.push(chunk),
      hold: this.hold.bind(this),
      refuse: this.evict.bind(this),
      end: () => this.#request?.end(),
    };
    const how = { encoding: this.#head.encoding, limits: this.#deps.options, sink };
    this.#targets = new StreamTargets(spec, Math.max(0, size - all.length), how);
    this.#dispatch(target, [all.subarray(0, size)]);
    const behind = all.subarray(size);
    if (behind.length > 0 && this.#targets.push(behind)) this.#request?.push(behind);
    if (this.#requestEnded && this.#targets.end()) this.#request?.end();
  }

  #dispatch(target: Target | undefined, chunks: readonly Uint8Array[], memory?: BufferOwner): void {
    const unary = target !== undefined && !this.#head.method.streaming;
    const request = new Flow(unary, this.#deps.options.maxRetainedBytes, this.#deps.memory);
    this.#request = request;
    clearTimeout(this.#timer);
    this.#early?.end();
    request.onCredit = (bytes) => {
      const prepaid = Math.min(bytes, this.#prepaid);
      this.#prepaid -= prepaid;
      const rest = bytes - prepaid;
      // of a request that is here only the connection's window is left to give back: the end does it, unless it is much
      if (rest > 0 && (!this.#requestEnded || rest > onItsWayBytes)) this.#credit(rest);
    };
    for (const chunk of chunks) request.push(chunk, memory);
    if (this.#requestEnded && this.#targets === undefined) request.end();
    const head = this.#head;
    const call: Call = {
      kind: unary ? 'unary' : 'stream',
      method: head.method,
      via: this.#via,
      metadata: head.metadata,
      target,
      request,
      deadline: this.#deadline,
      cancellation: this.#cancellation,
      avoid: undefined,
      avoidStrictly: undefined,
      failedAt: undefined,
      onPicked: undefined,
      scalarText: this.#scalarText,
      zeroVersion: this.#zeroVersion,
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
      this.#deps.handler(call).then(
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
      this.#reply.answer(reply);
    } catch (reason) {
      this.#broke(reason);
    }
  }

  #fail(reason: unknown): void {
    try {
      this.#reply.cut(StatusError.from(reason), this.#id);
    } catch (second) {
      this.#broke(second);
    }
  }

  #broke(reason: unknown): void {
    fault('stream', reason);
    this.#giveUp();
  }

  /** Nothing can be said any more: the stream ends, and whoever works for it is called off. */
  #giveUp(): void {
    this.#reply.abort();
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#cancellation.cancel();
    this.#evict();
  }

  #credit(bytes: number): void {
    this.#credited += bytes;
    this.#stream.credit(bytes);
  }

  // --- memory ---

  /**
   * There is too much already: a small call may pass, what is large and not on its way must not.
   * @throws StatusError
   */
  #claimRoom(chunk: Uint8Array): void {
    const { memory } = this.#deps;
    const first = this.#received === chunk.length;
    const large = first ? this.#watch.length > largeBytes : this.#waitingBytes > largeBytes;
    if (memory.exhausted || (large && memory.full())) throw memory.refusal();
  }

  /** Bytes of the request that nobody has taken. */
  get #waitingBytes(): number {
    return (this.#early?.bytes ?? 0) + (this.#request?.waitingBytes ?? 0);
  }

  /** A client that sends is no stalled reader. */
  stalledMs(): number {
    return 0;
  }

  evict(reason: StatusError): void {
    if (!this.#reply.over) this.#refuse(reason);
  }

  #hold(bytes: number): void {
    (this.#early ??= new MemoryReservation(this.#deps.memory, MemoryKind.requests, this)).add(bytes);
  }

  hold(bytes: number): void {
    if (!this.#reply.over)
      (this.#rebuilt ??= new MemoryReservation(this.#deps.memory, MemoryKind.rebuilt, this)).hold(bytes);
    else if (bytes > 0) throw new StatusError(Code.CANCELLED, 'the call is over');
  }

  /** A request that cannot go on: the client is told, and whoever works on it is called off. */
  #refuse(reason: unknown): void {
    const error = StatusError.from(reason);
    const { observer } = this.#deps;
    if (error.code === Code.RESOURCE_EXHAUSTED && error.retryAfterMs === undefined)
      observer.limited('message');
    if (!this.#sent && !this.#reply.over)
      tellRefused(observer, this.#head, [this.#via, this.#id, this.#peer], this.#received, error);
    this.#reply.cut(error, this.#id);
    this.#cancellation.cancel(error);
  }

  /** Made when somebody asks. */
  get #id(): string {
    return (this.#ownId ??= this.#head.requestId ?? this.#deps.nextId());
  }

  onReplied(): void {
    // an early answer: the client need not send the rest (RFC 9113 §8.1)
    if (!this.#requestEnded) this.#stream.reset(ErrorCode.NO_ERROR);
    this.#evict();
  }

  #evict(): void {
    this.#waiting = undefined;
    this.#opening = undefined;
    clearTimeout(this.#timer);
    this.#early?.end();
    this.#rebuilt?.end();
    this.#request?.discard();
  }
}

/** What of a gRPC call's request is held, and what of it was credited to the client. */
import { Code, StatusError } from '../../base/status.ts';
import type { Flow } from '../../call/index.ts';
import {
  type CallMemory,
  largeBytes,
  MemoryKind,
  MemoryReservation,
  type ReservationOwner,
} from '../../memory/index.ts';
import type { ServerStream } from '../../wire/index.ts';
import type { RpcDeps } from './deps.ts';
import { FrameWatch } from './frame-watch.ts';
import type { RpcHead } from './head.ts';
import { type ReplyOwner, ReplyWriter } from './reply-writer.ts';

/** A client with more than this on its way waits for us, not we for it, in bytes. */
export const onItsWayBytes = 16_384;

/**
 * Base of a gRPC call at the server: its stream, and the bytes of its request that came, were credited and are held in
 * the memory account. The classes above it are one object with it: a call costs no allocation for each of its ideas.
 * hot: 0020
 */
export abstract class RequestAccount implements ReservationOwner, CallMemory, ReplyOwner {
  protected readonly stream: ServerStream;
  protected readonly head: RpcHead;
  protected readonly deps: RpcDeps;
  protected readonly watch: FrameWatch;
  protected readonly reply: ReplyWriter;
  /** The request as the gateway passes it on; absent until the target is known. */
  protected request: Flow | undefined;
  protected requestEnded = false;
  /** Bytes that came. */
  protected received = 0;
  #credited = 0;
  /** Bytes credited to the client before the call began; the flow's first credits are these. */
  #prepaid = 0;
  /**
   * What came before the call began; and what was made of its messages on their way. Each is there once it holds
   * something.
   */
  #early: MemoryReservation | undefined;
  #rebuilt: MemoryReservation | undefined;

  constructor(stream: ServerStream, head: RpcHead, deps: RpcDeps) {
    this.stream = stream;
    this.head = head;
    this.deps = deps;
    const { maxMessageBytes } = deps.options;
    this.watch = new FrameWatch(maxMessageBytes);
    this.reply = new ReplyWriter(stream, head, maxMessageBytes, this);
  }

  /** A request that cannot go on: the client is told, and whoever works on it is called off. */
  protected abstract refuse(reason: unknown): void;

  abstract onReplied(): void;

  protected credit(bytes: number): void {
    this.#credited += bytes;
    this.stream.credit(bytes);
  }

  /** Credits bytes that wait here: the client must be able to go on sending meanwhile. */
  protected prepay(bytes: number): void {
    this.credit(bytes);
    this.#prepaid += bytes;
  }

  protected get prepaid(): number {
    return this.#prepaid;
  }

  /** The request's reader has dealt with so many bytes: the client gets credit for what was not prepaid. */
  protected creditRead(bytes: number): void {
    const prepaid = Math.min(bytes, this.#prepaid);
    this.#prepaid -= prepaid;
    const rest = bytes - prepaid;
    // of a request that is here only the connection's window is left to give back: the end does it, unless it is much
    if (rest > 0 && (!this.requestEnded || rest > onItsWayBytes)) this.credit(rest);
  }

  /** Bytes that came and were not credited. */
  protected get uncreditedBytes(): number {
    return this.received - this.#credited;
  }

  /**
   * There is too much already: a small call may pass, what is large and not on its way must not.
   * @throws StatusError RESOURCE_EXHAUSTED
   */
  protected claimRoom(chunk: Uint8Array): void {
    const { memory } = this.deps;
    const first = this.received === chunk.length;
    const large = first ? this.watch.length > largeBytes : this.#waitingBytes > largeBytes;
    if (memory.exhausted || (large && memory.full())) throw memory.refusal();
  }

  /** Bytes of the request that nobody has taken. */
  get #waitingBytes(): number {
    return (this.#early?.bytes ?? 0) + (this.request?.waitingBytes ?? 0);
  }

  /** A client that sends is no stalled reader. */
  stalledMs(): number {
    return 0;
  }

  evict(reason: StatusError): void {
    if (!this.reply.over) this.refuse(reason);
  }

  /** Of what came before the call began. */
  protected holdEarly(bytes: number): void {
    (this.#early ??= new MemoryReservation(this.deps.memory, MemoryKind.requests, this)).add(bytes);
  }

  /** From here on the request's flow has what came. */
  protected passEarly(): void {
    this.#early?.end();
  }

  hold(bytes: number): void {
    if (!this.reply.over)
      (this.#rebuilt ??= new MemoryReservation(this.deps.memory, MemoryKind.rebuilt, this)).hold(bytes);
    else if (bytes > 0) throw new StatusError(Code.CANCELLED, 'the call is over');
  }

  /** Every byte leaves the account. */
  protected letGo(): void {
    this.#early?.end();
    this.#rebuilt?.end();
    this.request?.discard();
  }
}

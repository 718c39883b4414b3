/**
 * One direction of a call: bytes of length-prefixed messages in the order they arrived, then an end.
 *
 * A Flow has one producer and, at any time, at most one reader. It can retain what it has delivered, so that a retry
 * reads the same bytes again from the start; a hedge, which reads at the same time, gets a fork. Credit (how much the
 * reader has dealt with) travels back to the producer, which widens the peer's flow-control window by it: the slower
 * side sets the pace.
 */
import { joinInto } from '../base/bytes.ts';
import { Code, StatusError } from '../base/status.ts';
import { MemoryKind, largeBytes, type MemoryAccount } from '../memory/index.ts';
import { type BufferOwner, BufferOwners } from './buffer-owners.ts';
import { type Metadata, noMetadata } from './metadata.ts';

/** Who consumes a flow. Calls arrive in order: any number of onData, then exactly one of onEnd and onError. */
export interface FlowReader {
  onData(chunk: Uint8Array): void;
  /** It may still look at chunks that it was given. A reader that does not say so always may. */
  readonly holds?: boolean;
  onEnd(trailers: Metadata): void;
  onError(error: StatusError): void;
}

/** How a flow ends (docs/states.md). */
export type FlowEndState = 'open' | 'ended' | 'failed';
/** Whether somebody reads a flow. */
export type FlowReaderState = 'unread' | 'reading' | 'detached';
/** What becomes of bytes that were delivered. */
export type FlowRetentionState = 'retaining' | 'streaming' | 'discarded';

/** Bytes that a reader has not dealt with stop a producer that keeps to it from this size on. */
const highWaterBytes = 65_536;

/** No chunks; a list of one's own is made with the first. */
const none: Uint8Array[] = [];

/**
 * Byte stream of one direction of a call, with credit-based flow control. The producer calls `push()`, then `end()`
 * with the trailers or `fail()`; the reader calls `read()`, then `credit()` or `abandon()`.
 */
export class Flow {
  /** Chunks not yet delivered, or all chunks so far while the flow retains. */
  #chunks: Uint8Array[] = none;
  #reader: FlowReader | undefined;
  #delivered = 0;
  #retain: boolean;
  #credited = 0;
  #read = 0;
  #finished: ((error: StatusError | undefined) => void)[] | undefined;
  /** Who waits until so many bytes are here. */
  #awaited: { readonly bytes: number; readonly callback: () => void } | undefined;
  /** Flows that get everything that this one gets. */
  #forks: Flow[] | undefined;
  /** Bytes that arrived so far. */
  bytes = 0;
  ended = false;
  trailers: Metadata = noMetadata;
  error: StatusError | undefined;
  /** Somebody has begun to read: without retaining, nobody else can from the start. */
  started = false;
  /** The producer's hook: the reader has dealt with n more bytes. */
  onCredit: ((bytes: number) => void) | undefined;
  /** The producer's hook: nobody will read this flow any more. */
  onAbandon: ((reason: StatusError) => void) | undefined;

  readonly #maxRetainedBytes: number;
  readonly #memory: MemoryAccount | undefined;
  /** Bytes that stand in the account because they are kept for another reading. */
  #copied = 0;
  #discarded = false;
  /**
   * Owners of the chunks' buffers. Undefined once a reader of unknown lifetime may hold views: then the garbage
   * collector frees them.
   */
  #owners: BufferOwners | undefined;
  /** The chunks were shown to others than the first reader. */
  #shown = false;
  #firstReader: FlowReader | undefined;
  /** Its reader looks at the chunks later: they must stay, whoever asks for the memory. */
  #pinned = false;
  /** How many hold views on its chunks: while any do, its bytes are in memory and stay in the account. */
  #viewers = 0;
  /** The flow whose chunks these are, for a fork. */
  #origin: Flow | undefined;

  /**
   * @param maxRetainedBytes a flow that grows beyond it stops retaining
   * @param memory where the bytes are counted; whoever makes such a flow must discard() it
   */
  constructor(retain = false, maxRetainedBytes = Number.POSITIVE_INFINITY, memory?: MemoryAccount) {
    this.#retain = retain;
    this.#maxRetainedBytes = maxRetainedBytes;
    this.#memory = memory;
  }

  /** A flow that is complete from the start. */
  static of(chunks: readonly Uint8Array[], trailers: Metadata = noMetadata): Flow {
    const flow = new Flow(true);
    for (const chunk of chunks) flow.push(chunk);
    flow.end(trailers);
    return flow;
  }

  /** For tests and debuggers, as are the two below: read from the fields, which are what the hot path looks at. */
  get endState(): FlowEndState {
    if (this.error !== undefined) return 'failed';
    return this.ended ? 'ended' : 'open';
  }

  get readerState(): FlowReaderState {
    if (this.#reader !== undefined) return 'reading';
    return this.started ? 'detached' : 'unread';
  }

  get retentionState(): FlowRetentionState {
    if (this.#discarded) return 'discarded';
    return this.#retain ? 'retaining' : 'streaming';
  }

  get done(): boolean {
    return this.ended || this.error !== undefined;
  }

  /** @param owner gets the chunk's bytes back when it is certain that nobody looks at them any more */
  push(chunk: Uint8Array, owner?: BufferOwner): void {
    if (this.done) {
      owner?.release(chunk.length);
      return;
    }
    this.bytes += chunk.length;
    this.#memory?.add(MemoryKind.requests, chunk.length);
    if (this.#retain && this.bytes > this.#maxRetainedBytes) this.dropCopy();
    // not before: what was released has been given back
    if (owner !== undefined && !this.#shown) {
      if (this.#owners === undefined) this.#owners = new BufferOwners(owner, chunk.length);
      else this.#owners.add(owner, chunk.length);
    }
    if (this.#forks !== undefined) this.#feed(this.#forks, chunk);
    if (this.#reader !== undefined && !this.#retain) {
      this.#reader.onData(chunk);
      if (this.#owners !== undefined) this.#repay();
      return;
    }
    // its own reader has left, and only the forks go on, or the flow that this is a fork of
    if (!this.#retain && (this.#forks ?? this.#origin) !== undefined && this.started) return;
    if (this.#chunks.length === 0) this.#chunks = [chunk];
    else joinInto(this.#chunks, chunk);
    if (this.#reader !== undefined) {
      this.#delivered = this.#chunks.length;
      this.#reader.onData(chunk);
    } else if (this.#awaited !== undefined && this.bytes >= this.#awaited.bytes) this.#isHere();
  }

  end(trailers: Metadata = noMetadata): void {
    if (this.done) return;
    this.ended = true;
    this.trailers = trailers;
    this.#reader?.onEnd(trailers);
    this.#finish();
  }

  fail(error: StatusError): void {
    if (this.done) return;
    this.error = error;
    this.#reader?.onError(error);
    this.#finish();
  }

  /** Reads from the first retained byte on; replaces the reader before it. */
  read(reader: FlowReader): void {
    this.started = true;
    if (this.#firstReader === undefined) this.#firstReader = reader;
    else this.#show();
    this.#reader = reader;
    this.#delivered = 0;
    this.#read = 0;
    if (this.#discarded) {
      reader.onError(gone());
      return;
    }
    if (this.#retain) {
      while (this.#delivered < this.#chunks.length && this.#reader === reader) {
        reader.onData(this.#chunks[this.#delivered++] as Uint8Array);
      }
    } else {
      const waiting = this.#chunks;
      const owners = this.#owners;
      this.#chunks = none;
      // until all are delivered
      this.#owners = undefined;
      for (const chunk of waiting) if (this.#reader === reader) reader.onData(chunk);
      if (owners !== undefined && !this.#shown) {
        this.#owners ??= owners;
        this.#repay();
      }
    }
    if (this.#reader !== reader) return;
    if (this.error !== undefined) reader.onError(this.error);
    else if (this.ended) reader.onEnd(this.trailers);
  }

  /** The reader goes; a retaining flow can be read again. */
  detach(): void {
    this.#reader = undefined;
    this.#pinned = false;
  }

  /** Reads as a retaining flow that stays one until the reader goes, so that peek() has all then. */
  readToPeek(reader: FlowReader): void {
    this.#pinned = true;
    this.read(reader);
  }

  /** Chunks that are held: all of them while retaining, else those not delivered. Do not change them. */
  peek(): readonly Uint8Array[] {
    this.#show();
    return this.#chunks;
  }

  /** The first of these, to look at and let go. */
  get begins(): Uint8Array | undefined {
    return this.#chunks[0];
  }

  /**
   * A second reading beside the first, from the first byte on: the same bytes in a flow of its own, for a hedge. The
   * faster of the two readers gives the producer its credit. Undefined when the beginning is not held any more.
   * Nobody reads it until this flow stops retaining: it fails then. Whoever does not want it any more abandons it.
   */
  fork(): Flow | undefined {
    if (!this.#retain && (this.started || this.#chunks.length === 0)) return undefined;
    this.#show();
    const fork = new Flow();
    fork.#origin = this.#origin ?? this;
    for (const chunk of this.#chunks) fork.push(chunk);
    if (this.error !== undefined) fork.fail(this.error);
    else if (this.ended) fork.end(this.trailers);
    else (this.#forks ??= []).push(fork);
    let read = 0;
    fork.onCredit = (bytes) => {
      this.#creditUpTo((read += bytes));
    };
    return fork;
  }

  #feed(forks: readonly Flow[], chunk: Uint8Array): void {
    for (const fork of forks) fork.push(chunk);
    // an empty list stays: this flow's own reader may have left
    if (forks.some(({ done }) => done)) this.#forks = forks.filter(({ done }) => !done);
  }

  /** A reader keeps views on the chunks. Gives what says that it keeps them no more. */
  view(): () => void {
    const origin = this.#origin ?? this;
    origin.#viewers++;
    origin.#show();
    return () => {
      if (--origin.#viewers === 0 && !origin.#retain) origin.#uncopy();
    };
  }

  /** Stops retaining: delivered chunks are let go, there is no second reading. */
  dropCopy(): void {
    if (!this.#retain || this.#pinned || this.#viewers > 0) return;
    this.#retain = false;
    this.#chunks = this.#reader === undefined ? this.#chunks : none;
    if (this.#chunks === none) this.#repay();
    this.#uncopy();
    // they would hold alone, and outside of the account, what has just been let go
    if (this.#forks !== undefined) for (const fork of this.#forks) if (!fork.started) fork.abandon(unheld());
  }

  /** Nobody reads it any more: everything is let go, and out of the account. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#retain = false;
    this.#chunks = none;
    this.#repay();
    this.#owners = undefined;
    this.#uncopy();
    this.#memory?.add(MemoryKind.requests, this.#credited - this.bytes);
    if (!this.done) this.fail(gone());
  }

  /** Bytes that its reader has not dealt with. */
  get waitingBytes(): number {
    return this.#discarded ? 0 : this.bytes - this.#credited;
  }

  /** So much waits for its reader that its producer should stop until onCredit. */
  get full(): boolean {
    return this.waitingBytes > highWaterBytes;
  }

  /** Bytes that are kept for another reading and for nothing else. */
  get copiedBytes(): number {
    return this.#reader === undefined || this.#pinned || this.#viewers > 0 ? 0 : this.#copied;
  }

  /** From here on the collector alone knows when nobody looks at the chunks any more. */
  #show(): void {
    this.#shown = true;
    this.#owners = undefined;
  }

  /** The flow has let go of its chunks: gives their memory back, unless its reader has not. */
  #repay(): void {
    if (this.#firstReader === undefined || this.#firstReader.holds === false) this.#owners?.repay();
  }

  #uncopy(): void {
    if (this.#copied === 0) return;
    this.#memory?.add(MemoryKind.copies, -this.#copied);
    this.#memory?.forget(this);
    this.#copied = 0;
  }

  get retains(): boolean {
    return this.#retain;
  }

  /** The reader has dealt with n bytes of this reading. Repeated readings give no second credit. */
  credit(bytes: number): void {
    this.#creditUpTo((this.#read += bytes));
  }

  #creditUpTo(read: number): void {
    if (read <= this.#credited) return;
    const fresh = read - this.#credited;
    this.#credited = read;
    const memory = this.#memory;
    if (memory !== undefined && !this.#discarded) {
      memory.add(MemoryKind.requests, -fresh);
      if (this.#retain || this.#viewers > 0) {
        memory.add(MemoryKind.copies, fresh);
        if (this.#copied < largeBytes && this.#copied + fresh >= largeBytes) memory.offer(this);
        this.#copied += fresh;
      }
    }
    this.onCredit?.(fresh);
  }

  /**
   * Nobody will read this flow any more: the producer may stop, and whoever waits for the end has it, whatever the
   * producer does.
   */
  abandon(reason: StatusError = new StatusError(Code.CANCELLED, 'nobody reads any more')): void {
    this.detach();
    this.#chunks = none;
    if (this.done) return;
    this.onAbandon?.(reason);
    // a producer that derives its bytes from another flow is not told by onAbandon: this flow fails here as well
    this.fail(reason);
  }

  /**
   * Calls back once, before anybody reads, when so many bytes have come or nothing more comes; at once if that is so.
   * Replaces who waited before.
   */
  whenHere(bytes: number, callback: () => void): void {
    this.#awaited = { bytes, callback };
    if (this.done || this.bytes >= bytes) this.#isHere();
  }

  #isHere(): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.callback();
  }

  /** Calls back once when the flow has ended (undefined) or failed; at once if it already has. */
  whenDone(callback: (error: StatusError | undefined) => void): void {
    if (this.done) callback(this.error);
    else (this.#finished ??= []).push(callback);
  }

  #finish(): void {
    const callbacks = this.#finished;
    this.#finished = undefined;
    for (const fork of this.#forks ?? []) {
      if (this.error === undefined) fork.end(this.trailers);
      else fork.fail(this.error);
    }
    this.#forks = undefined;
    if (callbacks !== undefined) for (const callback of callbacks) callback(this.error);
    if (this.#awaited !== undefined) this.#isHere();
  }
}

const unheld = (): StatusError =>
  new StatusError(Code.CANCELLED, 'the beginning of the request is not held any more');
const gone = (): StatusError => new StatusError(Code.CANCELLED, 'the call is over');

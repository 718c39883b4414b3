/** One HTTP request and its answer, whatever stream it came on: HTTP/2, our HTTP/1.1 end, or node:http. */
import { Buffer } from 'node:buffer';
import { StallTimer } from '../../base/stall-timer.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  allMetadata,
  type AskedOverHttp,
  type CallEnd,
  Cancellation,
  type HttpAnswerEnd,
} from '../../call/index.ts';
import {
  type CallMemory,
  type MemoryAccount,
  MemoryKind,
  MemoryReservation,
  type ReservationOwner,
} from '../../memory/index.ts';
import {
  ErrorCode,
  type Headers,
  Linger,
  type ReadBuffer,
  type ServerStream,
  type StreamEvents,
} from '../../wire/index.ts';
import { type BodyChunk, ChunkQueue } from './chunk-queue.ts';
import { httpDate } from './date.ts';
import type { HttpHead } from './head.ts';

/** Who takes a request's body: any number of onData, then exactly one of onEnd and onLost. */
export interface BodyReader {
  /** The chunk is the reader's, as StreamEvents.onData() has it; its bytes are given back by request.credit(). */
  onData(chunk: Buffer, memory?: ReadBuffer): void;
  onEnd(): void;
  onLost(reason: StatusError): void;
  /** Every so often while the body has not ended. */
  onTick(): void;
}

/** Who is told of the end of requests; the same for all of a door. */
export interface JsonRequestEvents {
  onOver(request: JsonRequest): void;
  /** Whether the fleet or the configuration knows a model by this public name. */
  knows(model: string): boolean;
  nowMs(): number;
}

/** Names and values in turn. */
export type HeaderList = readonly string[];

export interface JsonRequestDeps {
  readonly memory: MemoryAccount;
  readonly watch: JsonRequestEvents;
  readonly nextId: () => string;
}

/**
 * Server side of one REST request: head, body for one BodyReader, response, memory reservation, and what the access
 * log and metrics record of it. `cancellation` happens when the client leaves before it has its answer.
 */
export class JsonRequest implements StreamEvents, ReservationOwner, CallMemory, AskedOverHttp, HttpAnswerEnd {
  readonly fields: Headers;
  readonly head: HttpHead;
  /** "192.0.2.1:50000" */
  readonly peer: string;
  readonly via = 'REST';
  /** The client's own, or the one that its door gives it. */
  id: string;
  /** The public name of the model that it asks, as soon as that is known. */
  model = '';
  status = 0;
  complete = false;
  /** Why it failed, for the log. */
  message = '';
  startedMs: number | undefined;
  requestBytes = 0;
  callEnd: CallEnd | undefined;
  readonly #watch: JsonRequestEvents;
  /** Happens when the client leaves before it has its answer. */
  readonly cancellation = new Cancellation();
  readonly #stream: ServerStream;
  #reader: BodyReader | undefined;
  /** Chunks that came before somebody reads: no more than the stream's window. */
  #early: ChunkQueue | undefined;
  #ended = false;
  #drained: (() => void) | undefined;
  /** What the body was decoded to, and the answer that is being written. */
  readonly #held: MemoryReservation;
  readonly #unread = new StallTimer();
  #written = 0;
  /** Of a request that was answered early, and when its newest byte came, in ms. */
  #linger: Linger | undefined;
  #heardMs: number | undefined;
  /** An answer has begun. */
  begun = false;
  /** The answer is out, or the client has gone. */
  over = false;

  constructor(
    stream: ServerStream,
    fields: Headers,
    head: HttpHead,
    peer: string,
    { memory, watch, nextId }: JsonRequestDeps,
  ) {
    this.#watch = watch;
    this.#held = new MemoryReservation(memory, MemoryKind.tensors, this);
    this.#stream = stream;
    this.fields = fields;
    this.head = head;
    this.peer = peer;
    this.id = this.head.requestId ?? nextId();
  }

  // --- what is told of it ---

  get method(): string {
    return this.head.method;
  }

  get path(): string {
    return this.head.url;
  }

  get knownModel(): boolean {
    return this.model !== '' && this.#watch.knows(this.model);
  }

  get durationMs(): number {
    return this.startedMs === undefined ? 0 : this.#watch.nowMs() - this.startedMs;
  }

  get replyBytes(): number {
    return this.#written;
  }

  /**
   * Whoever carries the stream has answered in this one's place: the request could not be read on, or its user has
   * failed.
   */
  onAnswered(status: number): string {
    if (!this.over) this.status = status;
    return this.id;
  }

  /** All fields of a name in lower case, joined; for those that HttpHead does not hold. */
  field(name: string): string | undefined {
    return allMetadata(this.fields, name);
  }

  // --- the request's body ---

  /** Hands the body to its reader, what has come already at once; called once at the most. */
  read(reader: BodyReader): void {
    if (this.cancellation.reason !== undefined) {
      reader.onLost(this.cancellation.reason);
      return;
    }
    this.#reader = reader;
    const early = this.#early;
    this.#early = undefined;
    for (let piece = early?.shift(); piece !== undefined; piece = early?.shift()) {
      this.#held.add(-piece.chunk.length);
      reader.onData(piece.chunk, piece.memory);
    }
    if (this.#ended) reader.onEnd();
  }

  credit(bytes: number): void {
    if (!this.#ended) this.#stream.credit(bytes);
  }

  onData(chunk: Buffer, memory?: ReadBuffer): void {
    this.requestBytes += chunk.length;
    if (this.over) {
      if (this.#linger !== undefined) this.#heardMs = this.#watch.nowMs();
      memory?.release(chunk.length);
      this.credit(chunk.length);
    } else if (this.#reader !== undefined) this.#reader.onData(chunk, memory);
    else this.#waits({ chunk, memory });
  }

  #waits(piece: BodyChunk): void {
    if (this.cancellation.reason !== undefined) return;
    try {
      this.hold(piece.chunk.length);
      (this.#early ??= new ChunkQueue()).push(piece);
    } catch (reason) {
      this.evict(StatusError.from(reason));
    }
  }

  onEnd(): void {
    this.#ended = true;
    if (!this.over) this.#reader?.onEnd();
  }

  onTick(): void {
    if (this.#ended) return;
    if (!this.over) this.#reader?.onTick();
    else if (this.#linger !== undefined) this.#readsOver(this.#linger);
  }

  onReset(): void {
    if (this.over) return;
    this.#isOver();
    const reason = new StatusError(Code.CANCELLED, 'the client closed the connection');
    this.cancellation.cancel(reason);
    if (!this.#ended) this.#reader?.onLost(reason);
    this.onDrain();
    this.#watch.onOver(this);
  }

  onDrain(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  // --- the answer ---

  /** The head of an answer that comes in pieces. */
  respond(status: number, headers: HeaderList): void {
    if (this.over) return;
    this.begun = true;
    this.status = status;
    this.#stream.respond([':status', String(status), ...headers, 'date', httpDate()]);
  }

  /** False: wait for drained() before the next one. @param lent as ServerStream.write() has it */
  write(chunk: Uint8Array, lent = false): boolean {
    if (this.over) return true;
    this.#written += chunk.length;
    return this.#stream.write(chunk, lent);
  }

  /** Resolves when the client has read on, or is gone. */
  drained(): Promise<void> {
    return this.over ? Promise.resolve() : new Promise((resolve) => (this.#drained = resolve));
  }

  end(): void {
    if (this.over) return;
    this.#isOver();
    this.complete = true;
    this.#stream.end();
    if (!this.#ended) this.#readOn();
    this.#watch.onOver(this);
  }

  /**
   * An early answer: the client need not send the rest (RFC 9113 §8.1), but has to read the answer before it is told
   * so.
   */
  #readOn(): void {
    const { readsOn, headBytes = 0 } = this.#stream;
    // a large head is in memory until its stream is gone
    if (readsOn === true && headBytes === 0) {
      this.#heardMs = this.#watch.nowMs();
      this.#linger = new Linger(this.#heardMs);
    } else this.#stream.reset(ErrorCode.NO_ERROR);
  }

  #readsOver(linger: Linger): void {
    const nowMs = this.#watch.nowMs();
    if (nowMs - (this.#heardMs ?? nowMs) >= linger.nextMs(nowMs)) this.#stream.reset(ErrorCode.NO_ERROR);
  }

  /** An answer that is whole. */
  send(status: number, headers: HeaderList, body: Uint8Array | string, lent = false): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.respond(status, [...headers, 'content-length', String(bytes.length)]);
    if (bytes.length > 0 && this.head.method !== 'HEAD') this.write(bytes, lent);
    this.end();
  }

  /** An answer that has begun cannot be ended as it should. */
  abort(): void {
    if (this.over) return;
    this.#isOver();
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#watch.onOver(this);
  }

  #isOver(): void {
    this.over = true;
    this.#early = undefined;
    this.#held.end();
  }

  // --- memory ---

  /** Until the answer is out. */
  hold(bytes: number): void {
    this.#held.hold(bytes);
  }

  stalledMs(nowMs: number): number {
    return this.#unread.ms(this.#drained === undefined ? -nowMs : this.#written, nowMs);
  }

  evict(reason: StatusError): void {
    for (let piece = this.#early?.shift(); piece !== undefined; piece = this.#early?.shift())
      this.#held.add(-piece.chunk.length);
    if (this.begun) this.abort();
    else if (!this.#ended) this.#reader?.onLost(reason);
    this.cancellation.cancel(reason);
    this.onDrain();
  }
}

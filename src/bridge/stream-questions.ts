/**
 * A stream of requests before a server that has no streams: each message is one question, asked when the one before
 * it is answered and its answer read.
 */
import { detach } from '../base/faults.ts';
import { Code, StatusError } from '../base/status.ts';
import {
  type Call,
  Cancellation,
  Flow,
  type FlowReader,
  messagePrefix,
  Messages,
  type Metadata,
  noMetadata,
  type Reply,
} from '../call/index.ts';
import { type Chunks, chunksLength, type InflateLimits } from '../codec/index.ts';
import { uncompressed } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';
import type { ModelServer } from './inference.ts';
import type { StreamAnswerer } from './request-dialect.ts';

export interface TurnsOptions {
  readonly answer: StreamAnswerer;
  readonly server: (call: Call, rebuilt: BridgeMemory) => ModelServer;
  readonly from: string;
  /** Longest message either way. */
  readonly limits: InflateLimits;
}

/** Resolves with the first answer, or the end. @throws StatusError when that is an error that ends the stream */
export async function inTurns(call: Call, options: TurnsOptions): Promise<Reply> {
  // of a fork: what surely did not start can be sent to another backend from its first byte
  const request = call.request.fork() ?? call.request;
  const turns = new Turns(call, request, options);
  await turns.begun;
  if (request !== call.request) call.request.read(nobody);
  return { metadata: turns.metadata, body: turns.body, from: options.from };
}

/** The flow that was forked keeps nothing any more. */
const nobody: FlowReader = {
  onData: () => undefined,
  onEnd: () => undefined,
  onError: () => undefined,
};

interface Question {
  readonly message: Uint8Array;
  readonly isCompressed: boolean;
}

/** What one request is to blame for, or its server says: the others of the stream may do well. */
const ofOne: ReadonlySet<Code> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.FAILED_PRECONDITION,
  Code.OUT_OF_RANGE,
  Code.UNIMPLEMENTED,
]);
const isOfOne = ({ fromBackend, code }: StatusError): boolean => fromBackend || ofOne.has(code);

class Turns implements FlowReader {
  readonly body = new Flow();
  readonly begun: Promise<void>;
  /** Of the first answer. */
  metadata: Metadata = noMetadata;
  readonly #call: Call;
  readonly #request: Flow;
  readonly #options: TurnsOptions;
  readonly #messages: Messages;
  /** Holds what has come of a message. */
  readonly #coming: BridgeMemory;
  /** Those that came in one window with the one that is asked. */
  readonly #waiting: Question[] = [];
  /** Bytes behind that one, which the client gets no credit for yet. */
  #owed = 0;
  #busy = false;
  #ended = false;
  #begin!: { resolve: () => void; reject: (reason: StatusError) => void };
  /** Its reader has taken enough of the answers. */
  #hasCapacity: (() => void) | undefined;
  readonly #stopListening: () => void;

  constructor(call: Call, request: Flow, options: TurnsOptions) {
    const cancellation = new Cancellation();
    this.#call = { ...call, cancellation };
    this.#request = request;
    this.#options = options;
    this.#coming = new BridgeMemory(call.memory);
    this.#messages = new Messages(
      options.limits.maxMessageBytes,
      (message, isCompressed) => {
        this.#waiting.push({ message, isCompressed });
      },
      true,
    );
    this.begun = new Promise((resolve, reject) => {
      this.#begin = { resolve, reject };
    });
    this.#stopListening = call.cancellation.onCancel((reason) => {
      this.#fail(reason);
    });
    this.body.onAbandon = (reason) => {
      this.#fail(reason);
    };
    this.body.onCredit = () => {
      if (!this.body.full) this.#goOn();
    };
    this.body.whenDone((error) => {
      this.#stopListening();
      this.#coming.end();
      this.#waiting.length = 0;
      this.#goOn();
      // the question under way is nobody's any more
      if (error !== undefined) cancellation.cancel(error);
    });
    request.read(this);
  }

  onData(chunk: Uint8Array): void {
    if (this.body.done) return;
    const { held } = this.#messages;
    try {
      this.#messages.push(chunk);
      this.#coming.hold(this.#messages.held - held);
    } catch (reason) {
      this.#fail(StatusError.from(reason, this.#options.from));
      return;
    }
    this.#owed += chunk.length;
    this.#next();
  }

  onEnd(): void {
    this.#ended = true;
    this.#next();
  }

  onError(error: StatusError): void {
    this.#fail(error);
  }

  #next(): void {
    if (this.#busy || this.body.done) return;
    const question = this.#waiting.shift();
    if (question !== undefined) {
      this.#busy = true;
      const over = (reason: unknown): void => {
        this.#fail(StatusError.from(reason, this.#options.from));
      };
      detach('call', this.#ask(question).catch(over), over);
      return;
    }
    if (!this.#ended) {
      const bytes = this.#owed;
      this.#owed = 0;
      if (bytes > 0) this.#request.credit(bytes);
      return;
    }
    if (this.#messages.held > 0) {
      this.#fail(new StatusError(Code.INTERNAL, 'a message of the stream is cut short'));
      return;
    }
    this.body.end(['grpc-status', '0']);
    this.#begin.resolve();
  }

  /** @throws StatusError what ends the stream */
  async #ask({ message, isCompressed }: Question): Promise<void> {
    const { answer, server, limits } = this.#options;
    const call = this.#call;
    const rebuilt = new BridgeMemory(call.memory);
    try {
      rebuilt.made([message]);
      const pieces = await uncompressed(
        { pieces: [message], compressed: isCompressed },
        call.metadata,
        limits,
        rebuilt,
      );
      const context = { maxBytes: limits.maxMessageBytes };
      const made = await answer.answer(pieces, server(call, rebuilt), context).catch((reason: unknown) => {
        const error = StatusError.from(reason);
        if (!isOfOne(error)) throw error;
        return answer.failed(pieces, error);
      });
      if (this.body.done) return;
      if (this.body.bytes === 0) this.metadata = rebuilt.metadata;
      this.#push(made);
    } finally {
      rebuilt.end();
    }
    this.#begin.resolve();
    if (this.body.full) await this.#room();
    this.#busy = false;
    this.#next();
  }

  #push(message: Chunks): void {
    this.body.push(messagePrefix(chunksLength(message)));
    for (const piece of message) this.body.push(piece);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#hasCapacity = resolve;
    });
  }

  #goOn(): void {
    const hasCapacity = this.#hasCapacity;
    this.#hasCapacity = undefined;
    hasCapacity?.();
  }

  #fail(error: StatusError): void {
    if (this.body.done) return;
    this.body.fail(error);
    this.#begin.reject(error);
  }
}

/** What a gRPC server answers to one request of ModelStreamInfer, as bodies of HTTP: one, or server-sent events. */
import { Code, StatusError } from '../base/status.ts';
import {
  type Call,
  errorOf,
  Flow,
  flowOf,
  type FlowReader,
  type Handler,
  messagePrefix,
  Messages,
  type Metadata,
  type Reply,
  statusOf,
} from '../call/index.ts';
import { type Chunks, decodeModelStreamInferResponse, type V2InferResponse } from '../codec/index.ts';
import { methodOf } from '../models/index.ts';
import { answerMetadata, plainMetadata } from './backend-call.ts';
import type { BridgeMemory } from './bridge-memory.ts';

export interface AnswersOptions {
  /** An answer as text of one line; undefined for one that the client is not told. */
  readonly textOf: (reply: V2InferResponse) => Buffer | undefined;
  /**
   * What is said unless there is one answer, which is the body then; undefined for any number of server-sent events.
   */
  readonly notOne: (() => StatusError) | undefined;
  readonly maxBytes: number;
  readonly from: string;
  readonly rebuilt: BridgeMemory;
}

const streamMethod = methodOf('/inference.GRPCInferenceService/ModelStreamInfer');

/** One request of ModelStreamInfer on behalf of a call. @param message a ModelInferRequest @throws StatusError */
export async function askStream(
  call: Call,
  message: Chunks,
  send: Handler,
  options: AnswersOptions,
): Promise<Reply> {
  const reply = await send({
    ...call,
    kind: 'stream',
    method: streamMethod,
    metadata: plainMetadata(call.metadata),
    request: flowOf(message),
  });
  const answers = new Answers(reply.body, options);
  // until then it may still be asked of another backend
  await answers.begun;
  return { metadata: answerMetadata(reply.metadata), body: answers.body, from: options.from };
}

/** What the server answers, as it becomes bodies of HTTP. */
class Answers implements FlowReader {
  readonly body = new Flow();
  /** Resolves with the first answer. @throws StatusError when the first thing that comes is an error */
  readonly begun: Promise<void>;
  readonly #backend: Flow;
  readonly #options: AnswersOptions;
  readonly #messages: Messages;
  #begin!: { resolve: () => void; reject: (reason: StatusError) => void };
  /** Of an answer that has to be the only one. */
  #only: Buffer | undefined;
  #count = 0;
  /** Bytes that the backend gets no credit for yet. */
  #owed = 0;

  constructor(backend: Flow, options: AnswersOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#messages = new Messages(options.maxBytes, (message) => {
      // what came behind an error is nobody's
      if (!this.body.done) this.#answer(message);
    });
    this.begun = new Promise((resolve, reject) => {
      this.#begin = { resolve, reject };
    });
    this.body.onCredit = () => {
      this.#credit();
    };
    this.body.onAbandon = (reason) => {
      this.#fail(reason);
    };
    this.body.whenDone(() => {
      options.rebuilt.end();
    });
    backend.read(this);
  }

  onData(chunk: Uint8Array): void {
    if (this.body.done) return;
    this.#owed += chunk.length;
    const { held } = this.#messages;
    try {
      this.#messages.push(chunk);
      this.#options.rebuilt.hold(this.#messages.held - held);
    } catch (reason) {
      this.#fail(StatusError.from(reason, this.#options.from));
      return;
    }
    this.#credit();
  }

  onEnd(trailers: Metadata): void {
    if (this.body.done) return;
    if (statusOf(trailers) !== Code.OK) {
      this.#fail(errorOf(trailers, this.#options.from));
      return;
    }
    const { notOne } = this.#options;
    if (notOne !== undefined) {
      if (this.#only === undefined) {
        this.#fail(notOne());
        return;
      }
      this.#push(this.#only);
    }
    this.body.end(trailers);
    this.#begin.resolve();
  }

  onError(error: StatusError): void {
    this.#fail(error);
  }

  #answer(message: Uint8Array): void {
    const { textOf, notOne, maxBytes, from } = this.#options;
    const { error, reply } = decodeModelStreamInferResponse([message], maxBytes);
    const isFirst = this.#count === 0;
    if (error !== '' && isFirst) {
      // Triton's error for a request that it takes, and no word on whose fault it is
      this.#fail(new StatusError(Code.INVALID_ARGUMENT, error, { where: from, fromBackend: true }));
      return;
    }
    const text = error === '' ? textOf(reply) : Buffer.from(JSON.stringify({ error }));
    if (text === undefined) return;
    this.#count++;
    if (notOne === undefined) {
      this.#push(Buffer.concat([Buffer.from('data: '), text, Buffer.from('\n\n')]));
      this.#begin.resolve();
    } else if (isFirst) this.#only = text;
    else this.#fail(notOne());
  }

  #push(text: Buffer): void {
    this.body.push(messagePrefix(text.length));
    this.body.push(text);
  }

  #credit(): void {
    if (this.#owed === 0 || this.body.full) return;
    const bytes = this.#owed;
    this.#owed = 0;
    this.#backend.credit(bytes);
  }

  #fail(error: StatusError): void {
    if (this.body.done) return;
    this.body.fail(error);
    this.#begin.reject(error);
    this.#backend.abandon(error);
  }
}

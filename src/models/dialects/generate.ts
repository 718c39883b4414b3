/** Triton's generate extension before a gRPC server: one request of ModelStreamInfer, and its answers as JSON. */
import {
  type Call,
  Code,
  errorOf,
  Flow,
  flowOf,
  type FlowReader,
  type Handler,
  messagePrefix,
  Messages,
  type Metadata,
  statusOf,
  StatusError,
  type Target,
} from '../../call/index.ts';
import {
  decodeGenerateJson,
  decodeModelMetadataResponse,
  decodeModelStreamInferResponse,
  encodeGenerateJson,
  encodeModelInferRequest,
  encodeModelVersionRequest,
  type InflateLimits,
  joined,
  type JsonLimits,
  type Pieces,
  readControl,
  versionTextOf,
} from '../../codec/index.ts';
import { generateMethods, methodOf } from '../methods.ts';
import { specOf } from '../target.ts';
import { answerMetadata, asker, plainMetadata, refusedReply, requestOf } from './exchange.ts';
import { pathOf } from './kserve-rest.ts';
import { Rebuilt } from './rebuilt.ts';

const metadataMethod = methodOf('/inference.GRPCInferenceService/ModelMetadata');
const streamMethod = methodOf('/inference.GRPCInferenceService/ModelStreamInfer');

/** What Triton adds to each answer of a stream. */
const finalParameter = 'triton_final_response';

/** An answer that its reader has not taken stops the backend from this size on, in bytes. */
const highWaterBytes = 65_536;

export interface GenerateBridgeOptions {
  /** One attempt at the server. */
  readonly send: Handler;
  /** Its name, for replies and logs. */
  readonly from: string;
  readonly limits: InflateLimits;
  readonly json: JsonLimits;
}

/** Where a REST server takes such a call. */
export function generatePath(call: Call, model: string, version: string): string {
  const last = call.method === generateMethods.generate ? 'generate' : 'generate_stream';
  return `${pathOf(model, version)}/${last}`;
}

/** Answers a call of generateMethods: its request and the messages of its reply are bodies of HTTP. */
export function generateBridge(options: GenerateBridgeOptions): Handler {
  const { send, from, limits } = options;
  return async (call) => {
    const rebuilt = new Rebuilt(call.memory);
    let answers: Answers;
    try {
      const message = await inferMessage(call, options, rebuilt);
      const reply = await send({
        ...call,
        kind: 'stream',
        method: streamMethod,
        metadata: plainMetadata(call.metadata),
        request: flowOf(message),
      });
      answers = new Answers(reply.body, {
        isStream: call.method === generateMethods.generateStream,
        maxBytes: limits.maxMessageBytes,
        from,
        rebuilt,
      });
      // until then it may still be asked of another backend
      await answers.begun;
      return { metadata: answerMetadata(reply.metadata), body: answers.body, from };
    } catch (reason) {
      rebuilt.end();
      return refusedReply(reason, from);
    }
  };
}

/** The request as a ModelInferRequest: what is an input and what a parameter, the model's metadata says. */
async function inferMessage(
  call: Call,
  { send, limits, json }: GenerateBridgeOptions,
  rebuilt: Rebuilt,
): Promise<Pieces> {
  const { model, version } = nameOf(call.target);
  const viewed = call.request.view();
  try {
    const body = joined(await requestOf(call, limits, rebuilt));
    const ask = asker(call, send, limits, rebuilt);
    const answer = joined(await ask(metadataMethod, encodeModelVersionRequest(model, version)));
    const { inputs } = readControl(decodeModelMetadataResponse, answer);
    const made = decodeGenerateJson(body, inputs, {
      limits: json,
      strictDtypes: false,
      maxTensorBytes: limits.maxMessageBytes,
    });
    const message = encodeModelInferRequest({
      ...made,
      model,
      version,
      inputParameters: new Map(),
      outputs: [],
    });
    rebuilt.made(message);
    return message;
  } finally {
    viewed();
  }
}

function nameOf(target: Target | undefined): { model: string; version: string } {
  if (target === undefined) throw new StatusError(Code.INTERNAL, 'a call of generate names no model');
  return { model: target.model, version: versionTextOf(specOf(target)) };
}

interface AnswersOptions {
  readonly isStream: boolean;
  readonly maxBytes: number;
  readonly from: string;
  readonly rebuilt: Rebuilt;
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
    if (!this.#options.isStream) {
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
    const { isStream, maxBytes, from } = this.#options;
    const { error, reply } = decodeModelStreamInferResponse([message], maxBytes);
    const isFirst = this.#count === 0;
    if (error !== '' && isFirst) {
      // Triton's error for a request that it takes, and no word on whose fault it is
      this.#fail(new StatusError(Code.INVALID_ARGUMENT, error, { where: from, fromBackend: true }));
      return;
    }
    // that is what the end of this body says, and nothing that Triton says over HTTP
    const isFinal = reply.parameters.get(finalParameter);
    if (error === '' && isFinal === true && reply.outputs.size === 0) return;
    const parameters = new Map([...reply.parameters].filter(([name]) => name !== finalParameter));
    // an event is one line
    const text =
      error === '' ? encodeGenerateJson({ ...reply, parameters }) : Buffer.from(JSON.stringify({ error }));
    this.#count++;
    if (isStream) {
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
    if (this.#owed === 0 || this.body.waitingBytes > highWaterBytes) return;
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

/** Triton's words; it says them with status 200, which nobody could tell from an answer. */
const notOne = (): StatusError =>
  new StatusError(
    Code.FAILED_PRECONDITION,
    'generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses',
  );

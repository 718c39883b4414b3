/** Calls whose answers a backend over REST may write bit by bit: bodies of HTTP either way, which pass as they are. */
import { Code, StatusError } from '../../base/status.ts';
import {
  BridgeMemory,
  eventOf,
  generatePath,
  lacksPath,
  onlyJson,
  refusedReply,
  requestOf,
  type RestAnswer,
  restInferQuestion,
  type RestQuestion,
  successful,
} from '../../bridge/index.ts';
import {
  type Call,
  type Cancellation,
  type Handler,
  type HttpReply,
  type Metadata,
  replyOf,
  type Target,
} from '../../call/index.ts';
import { type Chunks, decodeHttpBody, maxHttpHeadBytes } from '../../codec/index.ts';
import { generateMethods, jsonLengthHeader, type VersionNames } from '../../models/index.ts';
import type { FleetOptions } from '../options.ts';
import { flowOfBody } from './http-flow.ts';
import { wholeAnswer } from './rest-messages.ts';

/** A request whose answer has begun. */
export interface Begun {
  readonly reply: HttpReply;
  /** Has to be called once, at its end. */
  readonly over: () => void;
}

export interface RestStreamsDeps {
  /** The backend's. */
  readonly name: string;
  readonly options: FleetOptions;
  readonly versions: VersionNames;
  readonly begin: (question: RestQuestion, call: Call, rebuilt: BridgeMemory) => Promise<Begun>;
  readonly failed: (reason: unknown, cancellation: Cancellation) => StatusError;
  /** What of an answer's fields its client gets. */
  readonly returned: (answer: Pick<RestAnswer, 'headers'>) => Metadata;
}

export interface RestStreams {
  /** Calls of generateMethods. */
  readonly answer: Handler;
  /** Another server may be there now. */
  readonly forget: () => void;
}

const jsonType = { 'content-type': 'application/json' };

/** An answer of infer as the one event of a stream. @throws StatusError for one with tensors behind its JSON */
function oneEvent({ headers, body }: RestAnswer): Uint8Array {
  if (headers[jsonLengthHeader] !== undefined) throw onlyJson();
  return eventOf(body);
}

/**
 * Creates the handler of generate, generate_stream and infer_stream at a REST backend. A streamed answer passes as it
 * arrives, one message per chunk; a single one is read whole, and a status other than 200 becomes a gRPC status.
 */
export function createRestStreams(deps: RestStreamsDeps): RestStreams {
  const { name, options, versions, begin, failed, returned } = deps;
  const { maxMessageBytes, json } = options;
  const limits = {
    ...options,
    maxMessageBytes: Math.max(maxMessageBytes, json.maxBodyBytes + maxHttpHeadBytes),
  };
  /** It answers infer, and has no infer_stream. */
  let lacksInferStream = false;

  /** Asks for events, and servers that have none for the one answer, which is one event then. */
  async function beginInfer(
    ask: (question: RestQuestion) => Promise<Begun>,
    one: RestQuestion,
  ): Promise<Begun & { isOne: boolean }> {
    if (lacksInferStream) return { ...(await ask(one)), isOne: true };
    const begun = await ask({ ...one, path: `${one.path}_stream` });
    if (!lacksPath({ status: begun.reply.statusCode })) return { ...begun, isOne: false };
    // it may be the model that is missing: of that the other path says the same
    begun.reply.body.on('error', () => undefined).destroy();
    begun.over();
    const second = await ask(one);
    lacksInferStream ||= second.reply.statusCode === 200;
    return { ...second, isOne: true };
  }

  async function beginCall(
    call: Call,
    target: Target,
    message: Chunks,
    rebuilt: BridgeMemory,
  ): Promise<Begun & { isOne: boolean }> {
    const ask = (question: RestQuestion): Promise<Begun> => begin(question, call, rebuilt);
    if (call.method === generateMethods.inferStream)
      return beginInfer(ask, restInferQuestion(target, decodeHttpBody(message)));
    const path = generatePath(call, target.model, versions.textOf(target));
    const begun = await ask({ path, body: message, headers: jsonType });
    return { ...begun, isOne: call.method === generateMethods.generate };
  }

  const answer: Handler = async (call) => {
    const { target, cancellation } = call;
    const rebuilt = new BridgeMemory(call.memory);
    const viewed = call.request.view();
    const end = (): void => {
      viewed();
      rebuilt.end();
    };
    let passes = false;
    try {
      if (target === undefined)
        throw new StatusError(Code.INTERNAL, `a call of ${call.method.name} names no model`);
      const message = await requestOf(call, limits, rebuilt);
      const { reply, over, isOne } = await beginCall(call, target, message, rebuilt);
      if (isOne || reply.statusCode !== 200) {
        const more = { name, isControl: false, rebuilt };
        const whole = successful(await wholeAnswer(reply, maxMessageBytes, more).finally(over), name);
        const body = call.method === generateMethods.inferStream ? oneEvent(whole) : whole.body;
        return { ...replyOf(body, name), metadata: returned(whole) };
      }
      passes = true;
      const flow = flowOfBody(reply.body, { where: name, reason: () => cancellation.reason });
      flow.whenDone(() => {
        over();
        end();
      });
      const { 'content-type': type } = reply.headers;
      const metadata = returned(reply);
      const typed = typeof type === 'string' ? ['content-type', type, ...metadata] : metadata;
      return { metadata: typed, body: flow, from: name };
    } catch (reason) {
      return refusedReply(failed(reason, cancellation), name);
    } finally {
      if (!passes) end();
    }
  };
  return {
    answer,
    forget() {
      lacksInferStream = false;
    },
  };
}

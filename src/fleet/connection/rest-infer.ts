/** A V2 inference that came over REST, at a backend over REST: the client's body as it came, and the backend's. */
import { Code, StatusError } from '../../base/status.ts';
import {
  BridgeMemory,
  HalfModels,
  metadataIn,
  passesInfer,
  pathFor,
  refusedReply,
  requestOf,
  type RestAsk,
  restInferQuestion,
  successful,
  type V2Abilities,
  V2Question,
} from '../../bridge/index.ts';
import {
  type Call,
  Flow,
  flowOf,
  type Handler,
  type Reply,
  replyOf,
  statusOf,
  type Target,
  wholeMessage,
} from '../../call/index.ts';
import {
  decodeHttpBody,
  type HttpBody,
  joined,
  maxHttpHeadBytes,
  type TensorOptions,
} from '../../codec/index.ts';
import { jsonLengthHeader, methodOf } from '../../models/index.ts';
import type { FleetOptions } from '../options.ts';

export interface RestInferDeps {
  /** The backend's. */
  readonly name: string;
  readonly options: FleetOptions;
  readonly tensors: TensorOptions;
  /** Asks on behalf of a call; what comes with the answer is in `rebuilt`. */
  readonly asking: (call: Call, rebuilt: BridgeMemory) => RestAsk;
  /** The same for what all calls may know: no call's end ends it. */
  readonly askingForAll: (call: Call) => RestAsk;
  readonly abilities: () => Promise<V2Abilities>;
  /** For bodies that the backend cannot get as they are. */
  readonly modelInfer: Handler;
}

const inferMethod = methodOf('/inference.GRPCInferenceService/ModelInfer');

export interface RestInfer {
  /** Calls of restInferMethod. */
  readonly answer: Handler;
  /** Another server may be there now. */
  readonly forget: () => void;
}

/**
 * Creates the handler of V2 infer requests that came over REST. The HTTP body passes unchanged where the backend can
 * take it; else it is translated to ModelInfer, and the reply back to an HTTP body.
 */
export function createRestInfer(deps: RestInferDeps): RestInfer {
  const { name, options, tensors, asking, askingForAll, abilities, modelInfer } = deps;
  const { maxMessageBytes, json } = options;
  const halves = new HalfModels();
  // JSON says the same as a message in more bytes
  const limits = { ...options, maxMessageBytes: json.maxBodyBytes + maxHttpHeadBytes };

  /** The same by way of ModelInfer. */
  async function translated(
    call: Call,
    target: Target,
    { headerBytes, body }: HttpBody,
    rebuilt: BridgeMemory,
  ): Promise<Reply> {
    const question = V2Question.read(joined(body), headerBytes, tensors);
    const message = question.messageFor(target);
    rebuilt.made(message);
    const reply = await modelInfer({ ...call, method: inferMethod, request: flowOf(message) });
    const answer = await wholeMessage(reply.body, maxMessageBytes, rebuilt.hold);
    const trailers = answer?.trailers ?? reply.body.trailers;
    if (answer === undefined || statusOf(trailers) !== Code.OK)
      return { ...reply, body: Flow.of([], trailers) };
    const { body: made } = question.answer(answer.bytes, target, {
      maxReplyBytes: maxMessageBytes,
      nonFinite: 'literal',
    });
    const pieces = [...made.pieces];
    rebuilt.made(pieces);
    const length = made.headerBytes === undefined ? [] : [jsonLengthHeader, String(made.headerBytes)];
    return { ...replyOf(pieces, name), metadata: [...length, ...reply.metadata] };
  }

  const hasHalves = (target: Target, ask: RestAsk): Promise<boolean> => {
    const path = pathFor(target);
    return halves.has(path, async () => metadataIn(successful(await ask({ path }), name), name));
  };

  const answer: Handler = async (call) => {
    const { target, cancellation } = call;
    const rebuilt = new BridgeMemory(call.memory);
    const viewed = call.request.view();
    try {
      if (target === undefined) throw new StatusError(Code.INTERNAL, 'a call of infer names no model');
      const asked = decodeHttpBody(await requestOf(call, limits, rebuilt));
      const able = await cancellation.until(abilities());
      if (
        !passesInfer(able, asked) ||
        (able.strictJson && (await cancellation.until(hasHalves(target, askingForAll(call)))))
      )
        return await translated(call, target, asked, rebuilt);
      const came = successful(await asking(call, rebuilt)(restInferQuestion(target, asked)), name);
      const length = came.headers[jsonLengthHeader];
      const told = typeof length === 'string' ? [jsonLengthHeader, length] : [];
      return { ...replyOf(came.body, name), metadata: [...told, ...rebuilt.metadata] };
    } catch (reason) {
      return refusedReply(reason, name);
    } finally {
      viewed();
      rebuilt.end();
    }
  };
  return {
    answer,
    forget() {
      halves.forget();
    },
  };
}

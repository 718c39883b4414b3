/**
 * A request of V2 infer over HTTP whose answers are server-sent events, before a gRPC server: one request of
 * ModelStreamInfer.
 */
import { Code, StatusError } from '../base/status.ts';
import type { Call, Handler } from '../call/index.ts';
import {
  type Chunks,
  decodeHttpBody,
  decodeV2InferJson,
  encodeV2ReplyJson,
  type InflateLimits,
  joined,
  type JsonLimits,
  maxHttpHeadBytes,
  type NonFinite,
  type V2InferRequest,
  type V2InferResponse,
} from '../codec/index.ts';
import { askStream } from './answers.ts';
import { refusedReply, requestOf } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';
import { V2Question } from './v2-json.ts';

export interface InferStreamBridgeOptions {
  /** One attempt at the server. */
  readonly send: Handler;
  /** Its name, for replies and logs. */
  readonly from: string;
  readonly limits: InflateLimits;
  readonly json: JsonLimits;
  /** How NaN and infinities stand in events. */
  readonly nonFinite?: NonFinite | undefined;
}

/** One answer as an event, from the server or from us. @param json of one line or more */
export const eventOf = (json: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('data: '),
    // text in JSON has no line ends: these are between its values
    Buffer.from(
      Buffer.from(json)
        .toString('utf8')
        .trim()
        .replace(/[\r\n]+/g, ' '),
    ),
    Buffer.from('\n\n'),
  ]);

/** What events cannot carry. */
export const onlyJson = (): StatusError =>
  new StatusError(
    Code.INVALID_ARGUMENT,
    'server-sent events carry JSON alone: ask for outputs without binary_data and binary_data_output',
  );

/**
 * Answers a call of generateMethods.inferStream: its request is a body of HTTP (codec/proto/kserve/http-body.ts), and
 * each message of its reply an event.
 */
export function inferStreamBridge(options: InferStreamBridgeOptions): Handler {
  const { send, from, limits, nonFinite } = options;
  const textOf = (reply: V2InferResponse): Buffer =>
    Buffer.concat([...encodeV2ReplyJson(reply, () => false, nonFinite).pieces]);
  return async (call) => {
    const rebuilt = new BridgeMemory(call.memory);
    try {
      const message = await inferMessage(call, options, rebuilt);
      const { maxMessageBytes: maxBytes } = limits;
      return await askStream(call, message, send, { textOf, notOne: undefined, maxBytes, from, rebuilt });
    } catch (reason) {
      rebuilt.end();
      return refusedReply(reason, from);
    }
  };
}

async function inferMessage(
  call: Call,
  { limits, json }: InferStreamBridgeOptions,
  rebuilt: BridgeMemory,
): Promise<Chunks> {
  const { target } = call;
  if (target === undefined) throw new StatusError(Code.INTERNAL, 'a call of infer names no model');
  const viewed = call.request.view();
  try {
    // JSON says the same as a message in more bytes
    const most = Math.max(limits.maxMessageBytes, json.maxBodyBytes + maxHttpHeadBytes);
    const { headerBytes, body } = decodeHttpBody(
      await requestOf(call, { ...limits, maxMessageBytes: most }, rebuilt),
    );
    const asked = decodeV2InferJson(joined(body), headerBytes, {
      limits: json,
      strictDtypes: false,
      maxTensorBytes: limits.maxMessageBytes,
    });
    if (asksBinary(asked)) throw onlyJson();
    const message = new V2Question(asked).messageFor(target);
    rebuilt.made(message);
    return message;
  } finally {
    viewed();
  }
}

function asksBinary({ parameters, outputs }: Pick<V2InferRequest, 'parameters' | 'outputs'>): boolean {
  return (
    parameters.get('binary_data_output') === true ||
    outputs.some((output) => output.parameters.get('binary_data') === true)
  );
}

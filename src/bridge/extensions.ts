/**
 * Triton's model configuration and statistics before a gRPC server: asked by their methods, and written as its HTTP
 * endpoint does.
 */
import { Code, StatusError } from '../base/status.ts';
import { type Call, flowOf, type Handler, noMetadata } from '../call/index.ts';
import {
  encodeModelVersionRequest,
  type InflateLimits,
  joined,
  modelConfigJson,
  modelStatisticsJson,
  readControl,
  versionTextOf,
} from '../codec/index.ts';
import { extensionMethods, methodOf, specOf } from '../models/index.ts';
import { unaryCaller, refusedReply } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';
import { pathOf, type RestAnswer, successful } from './rest-call.ts';

const service = '/inference.GRPCInferenceService';
const configMethod = methodOf(`${service}/ModelConfig`);
const statisticsMethod = methodOf(`${service}/ModelStatistics`);

export interface ExtensionBridgeOptions {
  /** One attempt at the server. */
  readonly send: Handler;
  /** Its name, for replies and logs. */
  readonly from: string;
  readonly limits: InflateLimits;
}

/** Answers a call of extensionMethods: the message of its reply is a body of HTTP. */
export function extensionBridge({ send, from, limits }: ExtensionBridgeOptions): Handler {
  return async (call) => {
    const rebuilt = new BridgeMemory(call.memory);
    try {
      const isConfig = call.method === extensionMethods.config;
      const { target } = call;
      const question =
        target === undefined
          ? new Uint8Array(0)
          : encodeModelVersionRequest(target.model, versionTextOf(specOf(target)));
      const ask = unaryCaller(call, send, limits, rebuilt);
      const answer = joined(await ask(isConfig ? configMethod : statisticsMethod, question));
      const text = readControl(isConfig ? modelConfigJson : modelStatisticsJson, answer);
      return {
        metadata: rebuilt.metadata,
        body: flowOf(Buffer.from(text), rebuilt.trailers ?? noMetadata),
        from,
      };
    } catch (reason) {
      const { code, fromBackend } = StatusError.from(reason);
      if (fromBackend && code === Code.UNIMPLEMENTED)
        return refusedReply(lacking(call.method.name, from), from);
      return refusedReply(reason, from);
    } finally {
      rebuilt.end();
    }
  };
}

/** Where a REST server takes such a call. */
export function extensionPath({ method, target }: Call, version: string): string {
  if (target === undefined) return '/v2/models/stats';
  return `${pathOf(target.model, version)}/${method === extensionMethods.config ? 'config' : 'stats'}`;
}

const lacking = (what: string, where: string): StatusError =>
  new StatusError(
    Code.UNIMPLEMENTED,
    `backend ${where} has no ${what}: its V2 server does not have this extension of Triton's`,
    { where, fromBackend: true },
  );

/**
 * What servers say of a path that they do not have (MLServer's in JSON, under "detail"); of a model that they do not
 * have they say more.
 */
const noSuchPath = /^"?(not found|invalid request url|method not allowed)"?$/i;

const hasNoPath = ({ body }: RestAnswer, { message }: StatusError): boolean =>
  body.length === 0 || noSuchPath.test(message);

/** @throws StatusError UNIMPLEMENTED when the server does not have the extension, its own for other errors */
export function extensionAnswer(answer: RestAnswer, path: string, where: string): Uint8Array {
  try {
    return successful(answer, where).body;
  } catch (reason) {
    const error = StatusError.from(reason);
    const lacks = (answer.status === 404 || answer.status === 405) && hasNoPath(answer, error);
    if (!lacks) throw error;
    throw lacking(path.slice(0, 300), where);
  }
}

/** A call in one API, answered by a server that speaks another. */
import { Code, StatusError } from '../base/status.ts';
import { type Call, flowOf, type Handler, type Reply, replyOf } from '../call/index.ts';
import type { InflateLimits } from '../codec/index.ts';
import { refusedReply, requestOf } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';
import type { ModelServer } from './inference.ts';
import type { RequestDialect } from './request-dialect.ts';
import { inTurns } from './stream-questions.ts';

export interface BridgeOptions {
  readonly dialect: RequestDialect;
  /** The server's API, as errors say it. */
  readonly spoken: string;
  /** The server, asked on behalf of this call. @param rebuilt where it is counted what that takes */
  readonly server: (call: Call, rebuilt: BridgeMemory) => ModelServer;
  /** Its name, for replies and logs. */
  readonly from: string;
  /** Longest message either way, which is the most that one tensor may take, too. */
  readonly limits: InflateLimits;
}

/**
 * Reads the whole request (of a stream: each of its messages in turn), asks the server in its own API, and writes the
 * answer in the client's. A backend's own error status is passed on as it came. @throws StatusError UNIMPLEMENTED for
 * a method that the other API has no word for
 */
export function createBridge({ dialect, spoken, server, from, limits }: BridgeOptions): Handler {
  return async (call): Promise<Reply> => {
    const answer = dialect.calls.get(call.method.name);
    if (answer === undefined) {
      const stream = dialect.streams?.get(call.method.name);
      if (stream !== undefined) return inTurns(call, { answer: stream, server, from, limits });
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `${call.method.name} of ${dialect.name} has no equivalent in ${spoken}, which the model's server speaks`,
        { where: from },
      );
    }
    const rebuilt = new BridgeMemory(call.memory);
    const viewed = call.request.view();
    try {
      const message = await requestOf(call, limits, rebuilt);
      const context = { maxBytes: limits.maxMessageBytes };
      const made = await answer(message, server(call, rebuilt), context);
      const { metadata, trailers } = rebuilt;
      return {
        metadata,
        body: trailers === undefined ? replyOf(made, from).body : flowOf(made, trailers),
        from,
      };
    } catch (reason) {
      return refusedReply(reason, from);
    } finally {
      viewed();
      rebuilt.end();
    }
  };
}

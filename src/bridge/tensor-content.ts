/** For clients that read numbers from tensor_content alone, before servers that answer in typed fields. */
import { StatusError } from '../base/status.ts';
import type { Call, Filter, Reply } from '../call/index.ts';
import { type InflateLimits, withTensorContent } from '../codec/index.ts';
import { changedAnswer } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';

export interface TensorContentOptions extends InflateLimits {
  /** Of calls whose client speaks as OpenVINO Model Server's do (a version that is present and 0), or of all. */
  readonly of: 'ovms' | 'all';
}

/** Undefined when it may stay as it is, or is nothing that can be read: the client shall judge that. */
function rewritten(message: Uint8Array, maxTensorBytes: number): Uint8Array[] | undefined {
  try {
    return withTensorContent(message, maxTensorBytes);
  } catch (reason) {
    if (reason instanceof StatusError) return undefined;
    throw reason;
  }
}

/** Replies of those calls to Predict wait until they are here; numbers in typed fields get into tensor_content. */
export function tensorContent(options: TensorContentOptions): Filter {
  const ofAll = options.of === 'all';
  return (next) => {
    async function withContent(call: Call): Promise<Reply> {
      const rebuilt = new BridgeMemory(call.memory);
      try {
        return await changedAnswer(call, next, options, rebuilt, (message) =>
          rewritten(message, options.maxMessageBytes),
        );
      } finally {
        rebuilt.end();
      }
    }

    return (call) => {
      // nearly always; what is off costs no more than this
      if (call.zeroVersion !== true && !ofAll) return next(call);
      const { method, kind } = call;
      return kind === 'unary' && method.api === 'tfs' && method.name === 'Predict'
        ? withContent(call)
        : next(call);
    };
  };
}

/** For clients that read numbers from tensor_content alone, before servers that answer in typed fields. */
import {
  type Call,
  Code,
  type Filter,
  Flow,
  flowOf,
  messagePieces,
  remembered,
  type Reply,
  statusOf,
  StatusError,
  withoutMetadata,
} from '../../call/index.ts';
import { type InflateLimits, joined, withTensorContent } from '../../codec/index.ts';
import { uncompressed } from './exchange.ts';
import { Rebuilt } from './rebuilt.ts';

export interface TensorContentOptions extends InflateLimits {
  /** Of calls whose client speaks as OpenVINO Model Server's do (a version that is present and 0), or of all. */
  readonly of: 'ovms' | 'all';
}

const answerCoding: ReadonlySet<string> = new Set(['grpc-accept-encoding']);
const replyCoding: ReadonlySet<string> = new Set(['grpc-encoding']);
// the same list for the same one, so that it is encoded once
const withoutAnswerCoding = remembered((metadata) => withoutMetadata(metadata, answerCoding));

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
      const rebuilt = new Rebuilt(call.memory);
      try {
        const reply = await next({ ...call, metadata: withoutAnswerCoding(call.metadata) });
        const answer = await messagePieces(reply.body, options.maxMessageBytes, rebuilt.hold);
        if (answer === undefined) return { ...reply, body: Flow.of([], reply.body.trailers) };
        const { trailers } = answer;
        const pieces = await uncompressed(answer, reply.metadata, options, rebuilt);
        const body =
          statusOf(trailers) === Code.OK ? rewritten(joined(pieces), options.maxMessageBytes) : undefined;
        const metadata = withoutMetadata(reply.metadata, replyCoding);
        return { metadata, body: flowOf(body ?? pieces, trailers), from: reply.from };
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

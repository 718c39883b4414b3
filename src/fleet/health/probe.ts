/** Asks a backend for the state of a model, on the connections that calls use, so that it tests what calls need. */
import {
  Cancellation,
  type Clock,
  Code,
  errorOf,
  flowOf,
  getMetadata,
  type Handler,
  type Metadata,
  StatusError,
  statusOf,
  wholeMessage,
} from '../../call/index.ts';
import { decodeGetModelStatusResponse, encodeGetModelStatusRequest } from '../../codec/index.ts';
import { methodOf, type VersionState } from '../../models/index.ts';
import { toVersionState } from './model-health.ts';

const method = methodOf('/tensorflow.serving.ModelService/GetModelStatus');
const metadata: Metadata = ['content-type', 'application/grpc', 'user-agent', 'tensorgate-health'];

/** What a look gave: the versions, that the backend lacks the model, or that it does not speak this API at all. */
export type Sight = { readonly versions: readonly VersionState[] } | 'unknown model' | 'other api';

export interface ProbeDeps {
  /** One attempt at this backend. */
  readonly handler: Handler;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** @throws StatusError DEADLINE_EXCEEDED when it takes too long, UNAVAILABLE when there is no connection */
export async function probe(model: string, deps: ProbeDeps): Promise<Sight> {
  const { handler, clock, timeoutMs, maxBytes } = deps;
  const cancellation = new Cancellation();
  const timer = setTimeout(() => {
    cancellation.cancel(
      new StatusError(Code.DEADLINE_EXCEEDED, `no answer to a health check within ${timeoutMs} ms`),
    );
  }, timeoutMs);
  try {
    const reply = await handler({
      kind: 'unary',
      method,
      via: 'gRPC',
      metadata,
      target: { model, signature: '' },
      request: flowOf(encodeGetModelStatusRequest({ name: model, signature: '' })),
      deadline: clock() + timeoutMs,
      cancellation,
      id: 'health',
      peer: 'gateway',
    });
    const message = await wholeMessage(reply.body, maxBytes);
    const trailers = message?.trailers ?? reply.body.trailers;
    if (message !== undefined && getMetadata(trailers, 'grpc-status') === '0' && !message.compressed) {
      return { versions: decodeGetModelStatusResponse(message.bytes).map(toVersionState) };
    }
    const code = statusOf(trailers);
    if (code === Code.NOT_FOUND) return 'unknown model';
    if (code === Code.UNIMPLEMENTED) return 'other api';
    throw errorOf(trailers, reply.from);
  } finally {
    clearTimeout(timer);
  }
}

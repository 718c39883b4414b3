/** Asks a backend for the state of a model, on the connections that calls use, so that it tests what calls need. */
import type { Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  askOwn,
  errorOf,
  flowOf,
  getMetadata,
  type Handler,
  type Metadata,
  type Method,
  statusOf,
  type Target,
} from '../../call/index.ts';
import {
  decodeGetModelStatusResponse,
  decodeRepositoryIndexResponse,
  encodeGetModelStatusRequest,
  encodeRepositoryIndexRequest,
  notTaken,
  readControl,
} from '../../codec/index.ts';
import { methodOf, type VersionState } from '../../models/index.ts';
import { toVersionState } from './model-health.ts';
import type { Listing } from './repository.ts';

const statusMethod = methodOf('/tensorflow.serving.ModelService/GetModelStatus');
const indexMethod = methodOf('/inference.GRPCInferenceService/RepositoryIndex');
const metadata: Metadata = ['content-type', 'application/grpc', 'user-agent', 'tensorgate-health'];

/** What a look gave: the versions, that the backend lacks the model, or that it does not speak this API at all. */
export type ProbeResult =
  | {
      readonly versions: readonly VersionState[];
      /** As Transport.versionTexts() has it. */
      readonly texts?: readonly string[] | undefined;
    }
  | 'unknown model'
  | 'other api';

/** Looks that several processes of one gateway share. */
export interface SharedProbes {
  /** What another process saw within freshMs, or else what a look of this one's own gives. */
  probe<T>(key: string, freshMs: number, look: () => Promise<T>): Promise<T>;
}

export interface ProbeDeps {
  /** One attempt at this backend. */
  readonly handler: Handler;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface Question {
  readonly method: Method;
  readonly target: Target | undefined;
  readonly message: Uint8Array;
}

export interface Answer {
  /** Undefined when it has none, or one that is compressed although nobody asked for that. */
  readonly message: Uint8Array | undefined;
  readonly trailers: Metadata;
  readonly from: string;
}

/** @throws StatusError DEADLINE_EXCEEDED when it takes too long, UNAVAILABLE when there is no connection */
export async function ask({ method, target, message }: Question, deps: ProbeDeps): Promise<Answer> {
  const asked = { method, metadata, target, request: flowOf(message), id: 'health' };
  const answer = await askOwn(deps.handler, asked, { ...deps, what: 'a health check', unread: notTaken });
  const whole = answer.message;
  return { ...answer, message: whole === undefined || whole.compressed ? undefined : whole.bytes };
}

/**
 * @throws OutOfBounds, StatusError as ask() does, and the backend's own when it is neither an answer nor a "no such"
 */
export async function probe(model: string, deps: ProbeDeps): Promise<ProbeResult> {
  const target: Target = { model, signature: '' };
  const question = {
    method: statusMethod,
    target,
    message: encodeGetModelStatusRequest({ name: model, signature: '' }),
  };
  const { message, trailers, from } = await ask(question, deps);
  if (message !== undefined && getMetadata(trailers, 'grpc-status') === '0') {
    return { versions: readControl(decodeGetModelStatusResponse, message).map(toVersionState) };
  }
  const code = statusOf(trailers);
  if (code === Code.NOT_FOUND) return 'unknown model';
  if (code === Code.UNIMPLEMENTED) return 'other api';
  throw errorOf(trailers, from);
}

/** What a server lists of its models, or that it has no such list. @throws OutOfBounds, StatusError as probe() does */
export async function listModels(deps: ProbeDeps): Promise<Listing> {
  const question = {
    method: indexMethod,
    target: undefined,
    message: encodeRepositoryIndexRequest({ onlyReady: false }),
  };
  try {
    const { message, trailers, from } = await ask(question, deps);
    if (message !== undefined && getMetadata(trailers, 'grpc-status') === '0')
      return { models: readControl(decodeRepositoryIndexResponse, message) };
    throw errorOf(trailers, from);
  } catch (reason) {
    // of the server, or of the bridge to an API that has no such question
    if (StatusError.from(reason).code === Code.UNIMPLEMENTED) return 'no list';
    throw reason;
  }
}

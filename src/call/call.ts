/** The nouns of the gateway: a call on its way, the reply to it, and the one verb that answers it. */
import type { CallMemory } from '../memory/index.ts';
import type { ModelRef } from './by-model.ts';
import type { Cancellation } from './cancel.ts';
import type { Flow } from './flow.ts';
import type { AskedOverHttp } from './http-upstream.ts';
import type { Metadata } from './metadata.ts';

/** The APIs that doors and backends speak. "other" is any gRPC service the gateway does not know. */
export type Api = 'tfs' | 'kserve' | 'other';

/** Which door a call came through; also a label of metrics and logs. */
export type Protocol = 'gRPC' | 'gRPC-Web' | 'REST';

/** One RPC method; interned, so two calls of one method hold the same object. */
export interface Method {
  /** "/tensorflow.serving.PredictionService/Predict" */
  readonly path: string;
  readonly service: string;
  readonly name: string;
  readonly api: Api;
  /** Running it twice does no harm, so a retry or a hedge may. */
  readonly idempotent: boolean;
  /** It changes a server (reload, load, unload): refused unless the configuration allows it. */
  readonly admin: boolean;
  /**
   * Where a request names its model: a ModelSpec in field 1 (TensorFlow Serving), one in each of its tasks, or a name
   * and a version in fields 1 and 2 (KServe V2). Undefined: nowhere.
   */
  readonly target: 'spec' | 'tasks' | 'name' | undefined;
  /** Any number of messages either way. */
  readonly streaming: boolean;
  /** It is about servers: every backend of the fleet is asked, and one answer is made of theirs. */
  readonly fleetWide: boolean;
}

/**
 * The model a call asks for. A version of undefined and no label mean the default version. What a message says has no
 * fleet; a door finds it, and everything behind the doors goes by both.
 */
export interface Target extends ModelRef {
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
  /** Empty means the default signature. */
  readonly signature: string;
}

/** A call of a stateful model: its backend keeps state between the calls of one sequence. */
export interface Sequence {
  /** Digits, or the text that the client chose. */
  readonly id: string;
  /** The first call, and the last: no state before, none after. */
  readonly starts: boolean;
  readonly ends: boolean;
}

/**
 * Makes a target with every field present, so that targets of all doors have one shape for V8.
 * hot: 0020
 */
export function newTarget(
  model: string,
  version: bigint | undefined,
  label: string | undefined,
  signature: string,
  fleet?: string,
): Target {
  return { fleet, model, version, label, signature };
}

/** How an earlier attempt of a call failed. */
export interface FailedAttempt {
  /** Its name. */
  readonly backend: string;
  /** A gRPC code. */
  readonly code: number;
  /** No status came: the stream broke. */
  readonly transport: boolean;
}

interface CallBase {
  readonly method: Method;
  readonly via: Protocol;
  /** The client's metadata without pseudo-headers and hop-by-hop fields. */
  readonly metadata: Metadata;
  /** Undefined when the method names no model. */
  readonly target: Target | undefined;
  /** Length-prefixed messages (5-byte gRPC prefix each), as they arrive. */
  readonly request: Flow;
  /** Monotonic milliseconds; Infinity without a deadline. */
  readonly deadline: number;
  readonly cancellation: Cancellation;
  /** Names of backends that a retry or hedge should not pick again while another can answer. */
  readonly avoid?: readonly string[] | undefined;
  /** `avoid` holds even when nobody else can answer: the call fails then, surely not started. */
  readonly avoidStrictly?: boolean | undefined;
  /** Earlier attempts that failed for a reason that may be the call's: if this one does well, it was the backends'. */
  readonly failedAt?: readonly FailedAttempt[] | undefined;
  /** Told the name of the backend that the call is about to be sent to. */
  readonly onPicked?: ((backend: string) => void) | undefined;
  /** A Predict whose first input may be a string without a dimension; a door has looked. */
  readonly scalarText?: boolean | undefined;
  /** Its model_spec asks for a version that is present and 0, as OpenVINO Model Server's clients do. */
  readonly zeroVersion?: boolean | undefined;
  /** Set for stateful models: such a call keeps to one backend and is sent once, whatever its method allows. */
  readonly sequence?: Sequence | undefined;
  /** Absent for the gateway's own calls, which are few and small. */
  readonly memory?: CallMemory | undefined;
  /** Absent where the door speaks in calls itself. */
  readonly http?: AskedOverHttp | undefined;
  /** For logs and the x-request-id header. */
  readonly id: string;
  /** The client's address, for logs. */
  readonly peer: string;
}

/** One message in, one message out; the request flow retains, so it can be sent again. */
export interface UnaryCall extends CallBase {
  readonly kind: 'unary';
}

/** Any number of messages either way; passes once. */
export interface StreamCall extends CallBase {
  readonly kind: 'stream';
}

export type Call = UnaryCall | StreamCall;

/** What one attempt of a call has of its own. */
export interface Attempt {
  readonly request: Flow;
  readonly cancellation: Cancellation;
  readonly onPicked: (backend: string) => void;
}

/**
 * The call as one attempt sends it. Field by field: copied with `...`, V8 would make a dictionary of each. The doors
 * name the same fields in the same order, so that all calls have one shape.
 * hot: 0020
 */
export function attemptOf(call: Call, { request, cancellation, onPicked }: Attempt): Call {
  const { kind, method, via, metadata, target, deadline, avoid, avoidStrictly, failedAt } = call;
  const { scalarText, zeroVersion, sequence, memory, http, id, peer } = call;
  return {
    kind,
    method,
    via,
    metadata,
    target,
    request,
    deadline,
    cancellation,
    avoid,
    avoidStrictly,
    failedAt,
    onPicked,
    scalarText,
    zeroVersion,
    sequence,
    memory,
    http,
    id,
    peer,
  };
}

/**
 * The start of an answer. `body` carries the messages and ends with the trailers, which hold grpc-status.
 * A backend's own error status is a Reply; only what the gateway itself says is thrown, as a StatusError.
 */
export interface Reply {
  /** Initial metadata, without pseudo-headers. */
  readonly metadata: Metadata;
  readonly body: Flow;
  /** Where it came from, for logs and the x-served-by header: "127.0.0.1:8500", "cache". */
  readonly from: string;
}

export type Handler = (call: Call) => Promise<Reply>;
export type Filter = (next: Handler) => Handler;

/** One question to a REST backend: a request, a whole answer, and its errors as gRPC statuses. */
import { Code, StatusError } from '../base/status.ts';
import type { Target } from '../call/index.ts';
import { controlLimits, OutOfBounds, parseControlJson, type Chunks } from '../codec/index.ts';

export interface RestAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface RestQuestion {
  /** Begins with a slash; what a client named in it is encoded. */
  readonly path: string;
  /** Absent for GET. */
  readonly body?: Chunks;
  readonly headers?: Readonly<Record<string, string>>;
  /** A question about models although it has a body: its answer is bounded as theirs are. */
  readonly isControl?: boolean;
}

/** @throws StatusError when there is no answer, or a larger one than is allowed */
export type RestAsk = (question: RestQuestion) => Promise<RestAnswer>;

const codes: Readonly<Record<number, Code>> = {
  400: Code.INVALID_ARGUMENT,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.NOT_FOUND,
  406: Code.INVALID_ARGUMENT,
  408: Code.DEADLINE_EXCEEDED,
  409: Code.ALREADY_EXISTS,
  // what OpenVINO Model Server says of JSON that it cannot read
  412: Code.INVALID_ARGUMENT,
  413: Code.RESOURCE_EXHAUSTED,
  415: Code.INVALID_ARGUMENT,
  422: Code.INVALID_ARGUMENT,
  429: Code.RESOURCE_EXHAUSTED,
  500: Code.INTERNAL,
  501: Code.UNIMPLEMENTED,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.DEADLINE_EXCEEDED,
};
/** Of an error's body that are looked at: servers quote the request. What is told of it is cut. */
const maxErrorBytes = 1_048_576;

/**
 * What stands before an error that is a server-sent event, as Triton has it for generate_stream, and what comes
 * behind that.
 */
const eventFrame = /^data: |\n\n[^]*$/g;

/** Servers of both APIs say {"error": "..."}; what FastAPI refuses before MLServer sees it has "detail". */
function messageIn({ status, body }: RestAnswer): string {
  let text = Buffer.from(body.subarray(0, maxErrorBytes)).toString('utf8');
  if (text.startsWith('data: ')) text = text.replace(eventFrame, '');
  try {
    const { error, detail } = JSON.parse(text) as { error?: unknown; detail?: unknown };
    if (typeof error === 'string') return error;
    if (detail !== undefined) return JSON.stringify(detail);
  } catch {
    // no JSON: the status alone is to be believed
  }
  return `the backend answered with HTTP status ${status}`;
}

/** The server's own error. */
export function refusalOf(answer: RestAnswer, where: string): StatusError {
  return new StatusError(codes[answer.status] ?? Code.UNKNOWN, messageIn(answer), {
    where,
    fromBackend: true,
  });
}

/** The server has no such path, or takes no such request there. */
export function lacksPath({ status }: Pick<RestAnswer, 'status'>): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** @throws StatusError the server's own, for any status but 200 */
export function successful(answer: RestAnswer, where: string): RestAnswer {
  if (answer.status !== 200) throw refusalOf(answer, where);
  return answer;
}

/** Of an answer about a model. @throws OutOfBounds, also when it is none */
export function jsonOf({ body }: RestAnswer, where: string): Record<string, unknown> {
  try {
    const value = parseControlJson(body);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (reason) {
    if (reason instanceof OutOfBounds) throw reason;
    // told below
  }
  throw noJson(where);
}

export const noJson = (where: string): OutOfBounds =>
  new OutOfBounds(`backend ${where} answered something that is no JSON object`);

/**
 * A name of the client's as one segment of a path.
 * @throws StatusError NOT_FOUND for one that would be another path, or that nobody has
 */
export function segment(name: string): string {
  if (name === '' || name === '.' || name === '..')
    throw new StatusError(Code.NOT_FOUND, `no model or version is named "${name}"`);
  // what is longer is taken from no server; some break a connection off where a path is too long for them
  if (Buffer.byteLength(name) > controlLimits.nameBytes)
    throw new StatusError(
      Code.NOT_FOUND,
      `no model or version has a name of more than ${controlLimits.nameBytes} bytes`,
    );
  return encodeURIComponent(name);
}

/** "/v2/models/NAME/versions/v1". */
export function pathOf(model: string, version: string): string {
  const path = `/v2/models/${segment(model)}`;
  return version === '' ? path : `${path}/versions/${segment(version)}`;
}

/** "/v1/models/NAME/versions/7" or with a label. */
export function tfsPath({ model, version, label }: Target): string {
  const path = `/v1/models/${segment(model)}`;
  if (version !== undefined) return `${path}/versions/${version}`;
  return label === undefined ? path : `${path}/labels/${segment(label)}`;
}

/** How a call fails: a gRPC status as an Error. */
import { fields, textOf } from './protobuf.ts';

/** The names of gRPC's codes, by number. */
export const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type CodeName = (typeof codeNames)[number];

/** One detail of a status: a google.protobuf.Any that is left packed. */
export interface Detail {
  /** "google.rpc.BadRequest" */
  readonly type: string;
  readonly value: Uint8Array;
}

/** A call that did not end with OK. */
export class RpcError extends Error {
  /** "NOT_FOUND" and its like. */
  readonly code: CodeName;
  /** From grpc-status-details-bin; empty when there is none. */
  readonly details: readonly Detail[];
  /** What came with the failure. */
  readonly trailers: Headers;

  constructor(
    code: CodeName,
    message: string,
    more: { trailers?: Headers; cause?: unknown; details?: readonly Detail[] } = {},
  ) {
    super(message === '' ? code : message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'RpcError';
    this.code = code;
    this.details = more.details ?? [];
    this.trailers = more.trailers ?? new Headers();
  }
}

/** What to make of an answer without a grpc-status (http-grpc-status-mapping.md). */
const fromHttp: Readonly<Record<number, CodeName>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

export function httpError(status: number, text: string): RpcError {
  const said = text.trim().slice(0, 500);
  return new RpcError(
    fromHttp[status] ?? 'UNKNOWN',
    `HTTP status ${status}${said === '' ? '' : `: ${said}`}`,
  );
}

/** The failure that trailers tell of, or undefined for OK. */
export function errorOf(trailers: Headers): RpcError | undefined {
  const status = trailers.get('grpc-status');
  if (status === '0') return undefined;
  if (status === null) return new RpcError('INTERNAL', 'the reply ended without a status', { trailers });
  const code = codeNames[Number(status)] ?? 'UNKNOWN';
  return new RpcError(code, percentDecoded(trailers.get('grpc-message') ?? ''), {
    trailers,
    details: detailsOf(trailers.get('grpc-status-details-bin')),
  });
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A google.rpc.Status in base64; details that cannot be read are not worth a second error. */
function detailsOf(base64: string | null): Detail[] {
  if (base64 === null) return [];
  try {
    const status = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return [...fields(status)].filter(({ number }) => number === 3).map(({ bytes }) => anyOf(bytes));
  } catch {
    return [];
  }
}

/** A google.protobuf.Any. */
export function anyOf(message: Uint8Array): Detail {
  let type = '';
  let value: Uint8Array = new Uint8Array(0);
  for (const field of fields(message)) {
    if (field.number === 1) type = textOf(field.bytes).replace(/^.*\//, '');
    else if (field.number === 2) value = field.bytes.slice();
  }
  return { type, value };
}

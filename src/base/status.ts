/** How a call ends: the gRPC status codes and the one error type that every room throws. */
import { fault, isFault } from './faults.ts';

/** The gRPC status codes (grpc/grpc doc/statuscodes.md). */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

const names = Object.keys(Code) as (keyof typeof Code)[];

/** The name of a code ("NOT_FOUND"); a number outside the table is "UNKNOWN". */
export function codeName(code: number): keyof typeof Code {
  return names[code] ?? 'UNKNOWN';
}

/**
 * What became of an attempt that failed without a backend's status. One at a time: where two hold, the one that
 * stands first here counts, since it says more.
 * - `not-started`: it surely did not start at a backend (never sent, REFUSED_STREAM, above GOAWAY's last id): anybody
 *   may send it again;
 * - `hedge-lost`: it was called off because another backend was faster: what it took here says that this one is slow;
 * - `connection-lost`: its connection ended; it may have run (`lostConnection` says which connection);
 * - `stream-reset`: the backend reset its stream for no reason that HTTP/2 has a status for: it may have run, and
 *   doing it again elsewhere may help.
 */
export type Disposition = 'not-started' | 'hedge-lost' | 'connection-lost' | 'stream-reset';

export interface StatusDetails {
  /**
   * Which thing failed or said so: "10.0.0.7:8500", "fleet main", "configuration". What the gateway itself refuses
   * (its limits, its memory) has none, and so is never tried again elsewhere, whatever its code.
   */
  readonly where?: string;
  readonly cause?: unknown;
  /** Set when a model server said so itself; the gateway passes that on unchanged. */
  readonly fromBackend?: boolean;
  readonly disposition?: Disposition | undefined;
  /** The connection that was lost, and with it whatever else was under way on it. */
  readonly lostConnection?: object;
  /** When it is worth while to try again, in ms from now: told to clients of either protocol. */
  readonly retryAfterMs?: number;
  /** Content codings that are taken, where another one was refused: told to clients of either protocol. */
  readonly accepts?: readonly string[];
}

/** A failed call: a gRPC code, a message fit for the client, and (for the log only) where and why. */
export class StatusError extends Error {
  readonly code: Code;
  readonly where: string | undefined;
  readonly fromBackend: boolean;
  readonly disposition: Disposition | undefined;
  readonly lostConnection: object | undefined;
  readonly retryAfterMs: number | undefined;
  readonly accepts: readonly string[] | undefined;

  constructor(code: Code, message: string, details: StatusDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'StatusError';
    this.code = code;
    this.where = details.where;
    this.fromBackend = details.fromBackend ?? false;
    this.disposition = details.disposition;
    this.lostConnection = details.lostConnection;
    this.retryAfterMs = details.retryAfterMs;
    this.accepts = details.accepts;
  }

  /**
   * The one funnel: anything thrown becomes a StatusError. Unknown causes become INTERNAL and do not leak; those that
   * are faults are told.
   */
  static from(reason: unknown, where?: string): StatusError {
    if (reason instanceof StatusError) return reason;
    if (isFault(reason)) fault('call', reason);
    return new StatusError(Code.INTERNAL, 'internal error of the gateway', {
      cause: reason,
      ...(where === undefined ? {} : { where }),
    });
  }
}

/**
 * UNAVAILABLE, surely not started: as many calls as may wait for a backend's connections wait already. It says how
 * much this gateway asks of the backend, and nothing of the backend's health.
 */
export class BackendQueueFull extends StatusError {
  /** @param where the backend's name */
  constructor(message: string, where: string) {
    super(Code.UNAVAILABLE, message, { where, disposition: 'not-started' });
  }
}

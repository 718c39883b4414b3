/** The nouns of HTTP that passes as it is: a request, its answer, and the backend that was chosen for it. */
import type { Readable } from 'node:stream';
import type { StatusError } from '../base/status.ts';
import type { Protocol } from './call.ts';
import type { CallEnd } from './observer.ts';

export type HttpFields = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpRequest {
  readonly method: string;
  /** Path and query, as they go on the wire. */
  readonly target: string;
  readonly headers: HttpFields;
  /** Read only once the backend has a connection, so a refused one leaves it whole. */
  readonly body: Readable | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** Until the answer begins, in ms. */
  readonly headersTimeoutMs: number;
  /** Of silence within the answer, in ms. */
  readonly idleTimeoutMs: number;
}

export interface HttpReply {
  readonly statusCode: number;
  readonly headers: HttpFields;
  readonly body: Readable;
}

/** A backend that was chosen for one request; counts as its work until end(). */
export interface HttpLease {
  /** "127.0.0.1:8000" */
  readonly backend: string;
  /** "http://127.0.0.1:8000" */
  readonly origin: string;
  /** @throws StatusError UNAVAILABLE (not-started when there was no connection) or DEADLINE_EXCEEDED */
  send(request: HttpRequest): Promise<HttpReply>;
  /**
   * Only the first one counts. `failed`: the connection broke, which speaks against the backend; `error`: it answered
   * 502 to 504, or not in time, which its client may have brought about; `left` says nothing about it.
   */
  end(outcome: 'ok' | 'failed' | 'error' | 'left'): void;
}

/** Who has such a lease, and may have to give it up for another client. */
export interface HttpHolder {
  /** "192.0.2.1:50000" */
  readonly peer: string;
  /**
   * By how much its body is behind the pace that is expected while others want its place, in ms; 0 when nothing of it
   * is waited for.
   */
  readonly behindMs: number;
  /** It loses its place. */
  evict(reason: StatusError): void;
}

/** Who answers such requests. */
export interface HttpUpstream {
  readonly name: string;
  /**
   * @param avoid names of backends that are taken only when there is no other
   * @throws StatusError UNAVAILABLE when no backend is well, RESOURCE_EXHAUSTED when all are full
   */
  lease(avoid: readonly string[], holder: HttpHolder): HttpLease;
}

/** What OpenAI's API calls a model. */
export interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  /** Unix time in seconds. */
  readonly created: number;
  readonly owned_by: string;
}

/** The end of one such request as its client saw it. */
export interface HttpEnd {
  readonly id: string;
  /** The client's address. */
  readonly peer: string;
  /** The configured prefix: a bounded label. */
  readonly prefix: string;
  readonly method: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  /** What the client was told; 0 when it left before. */
  readonly status: number;
  /** Whether the answer was told to its end. */
  readonly complete: boolean;
  /** For the log; empty on success. */
  readonly message: string;
  readonly durationMs: number;
  /** Until the first byte of the answer's body; undefined when there was none. */
  readonly firstByteMs: number | undefined;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** Which backend answered; empty when none did. */
  readonly from: string;
}

/** The end of a request that a door answers itself, in words of HTTP, as its client saw it. */
export interface HttpAnswerEnd {
  /** What the answer has as x-request-id. */
  readonly id: string;
  /** The client's address. */
  readonly peer: string;
  /** "HTTP": it could not be read, so nobody knows what it was meant for. */
  readonly via: Protocol | 'HTTP';
  /** Empty when it could not be read, as are the path and the model. */
  readonly method: string;
  /** With the query, which is nothing for a log: it may hold secrets. */
  readonly path: string;
  /** The public name of the model that is asked; empty when it asks none. */
  readonly model: string;
  /** True only for a model that the fleet or the configuration knows: others never make series. */
  readonly knownModel: boolean;
  /** What the client was told; 0 when it left before. */
  readonly status: number;
  /** Whether the answer was told to its end. */
  readonly complete: boolean;
  /** For the log; empty on success. */
  readonly message: string;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** The end of the call that was made for it, where one was. */
  readonly callEnd: CallEnd | undefined;
}

/** A request that is answered before anybody serves it. */
export interface Refusal {
  readonly status: number;
  /** For the log. */
  readonly message: string;
  readonly peer: string;
  /** As far as it could be read. */
  readonly via?: Protocol | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  /** The client's own x-request-id. */
  readonly id?: string | undefined;
}

/** Counts and logs a refusal. @returns what its answer has as x-request-id; empty: none */
export type Refused = (refusal: Refusal) => string;

/** The HTTP request that a call is made for: it is logged once, with what it was answered. */
export interface AskedOverHttp {
  callEnd: CallEnd | undefined;
}

/** What the JSON doors have in common: each answers a request, and this one writes the answer, errors too. */
import type { Clock } from '../../base/clock.ts';
import { detach } from '../../base/faults.ts';
import { markReused, isReused, memoizeByIdentity } from '../../base/identity-memo.ts';
import { Code, StatusError } from '../../base/status.ts';
import type { Observer, TakesHeader } from '../../call/index.ts';
import { errorBody } from '../../codec/index.ts';
import type { MemoryAccount } from '../../memory/index.ts';
import type { Headers, ServerStream, StreamEvents } from '../../wire/index.ts';
import type { Cors } from '../cors.ts';
import { type TimeoutOptions, unaryTimeout } from '../timeout.ts';
import { type ChunkedBody, writeChunks } from './answer.ts';
import { BodyError } from './body.ts';
import { type HttpHead, httpHead } from './head.ts';
import { type JsonRequestEvents, type HeaderList, JsonRequest } from './json-request.ts';
import { relay, type Relayed } from './relay.ts';
import type { RequestContext } from './request-context.ts';
import { httpStatus } from './status.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Besides those that every answer has. */
  readonly headers: HeaderList;
  /** Whole; in pieces, which are compressed for clients that accept it when they are many; or as a backend gives it. */
  readonly body: string | ChunkedBody | Relayed;
}

/** An API over HTTP. @throws StatusError */
export type HttpApi = (request: JsonRequest, context: RequestContext) => Promise<HttpAnswer>;

export interface JsonHandlerDeps {
  readonly options: {
    readonly timeouts: TimeoutOptions;
    /** Which headers of a request go along as metadata. */
    readonly takesHeader: TakesHeader;
    /** Compressed replies begin at this size, in bytes; for clients that accept gzip. */
    readonly gzipMinBytes: number;
  };
  readonly cors: Cors;
  readonly observer: Observer;
  readonly memory: MemoryAccount;
  readonly clock: Clock;
  readonly nextId: () => string;
  /** Whether the fleet or the configuration knows a model by this public name. */
  readonly knows: (model: string) => boolean;
}

/** Serves one request. */
export type JsonHandler = (stream: ServerStream, fields: Headers, peer: string) => StreamEvents;

const jsonType: HeaderList = ['content-type', 'application/json'];

function statusFor(error: StatusError): number {
  return error instanceof BodyError ? error.httpStatus : httpStatus(error.code);
}

/** @param apiFor which API a path belongs to */
export function createJsonHandler(deps: JsonHandlerDeps, apiFor: (url: string) => HttpApi): JsonHandler {
  const { options, cors, observer, memory, clock, nextId, knows } = deps;
  const watch: JsonRequestEvents = {
    onOver(request) {
      observer.answered(request);
    },
    knows,
    nowMs: clock,
  };
  const requestDeps = { memory, watch, nextId };
  /** Clients send the same fields again and again. */
  const headOf = memoizeByIdentity((fields: Headers): HttpHead => {
    const head = httpHead(fields, options.takesHeader);
    if (isReused(fields)) markReused(head.metadata);
    return head;
  });

  /** CORS: what a browser asks before it sends a request of another origin. */
  function preflight(request: JsonRequest, headers: readonly string[]): void {
    const fields = cors.preflight(
      request.head.origin,
      request.field('access-control-request-method'),
      request.field('access-control-request-headers'),
    );
    request.send(200, [...headers, ...fields.flat()], '');
  }

  function sendError(request: JsonRequest, reason: unknown, headers: HeaderList): void {
    // nothing can be said any more once an answer has begun
    if (request.begun) {
      request.abort();
      return;
    }
    const error = StatusError.from(reason);
    const status = statusFor(error);
    request.message = error.message;
    if (status === 413) observer.limited('body');
    const { retryAfterMs } = error;
    const retry =
      retryAfterMs === undefined ? [] : ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))];
    const { accepts } = error;
    const offer = accepts === undefined ? [] : ['accept-encoding', accepts.join(', ')];
    request.send(status, [...headers, ...jsonType, ...retry, ...offer], errorBody(error.message));
  }

  async function serve(request: JsonRequest, stream: ServerStream): Promise<void> {
    const { head, peer, cancellation, id } = request;
    const nowMs = clock();
    request.startedMs = nowMs;
    const headers = ['x-request-id', id];
    if (head.method === 'OPTIONS') {
      preflight(request, headers);
      return;
    }
    for (const [name, value] of cors.headers(head.origin)) headers.push(name, value);
    try {
      const context = {
        metadata: head.metadata,
        cancellation,
        deadline: nowMs + unaryTimeout(head.timeout, options.timeouts, Code.INVALID_ARGUMENT),
        beganMs: nowMs,
        timeout: head.timeout,
        id,
        peer,
        http: request,
        hold: (bytes: number) => {
          request.hold(bytes);
        },
      };
      // there was no room for the first bytes of its body, which came with its head
      if (cancellation.reason !== undefined) throw cancellation.reason;
      if (memory.lacksRoomFor(stream)) throw memory.refusal();
      const answer = await apiFor(head.url)(request, context);
      const { status, body } = answer;
      const fields = [...headers, ...answer.headers];
      if (typeof body === 'string') request.send(status, fields, body);
      else if ('flow' in body) relay(request, status, fields, body);
      else await writeChunks(request, status, fields, body, options.gzipMinBytes);
    } catch (reason) {
      sendError(request, reason, headers);
    }
  }

  return (stream, fields, peer) => {
    const request = new JsonRequest(stream, fields, headOf(fields), peer, requestDeps);
    // after all that came with the request: one that was reset in the same breath reaches no backend (CVE-2023-44487)
    queueMicrotask(() => {
      if (!request.over)
        detach('stream', serve(request, stream), () => {
          request.abort();
        });
    });
    return request;
  };
}

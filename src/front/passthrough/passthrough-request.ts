/** One proxied request: the backend that was chosen for it, its attempts, its end, and what is told of it. */
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import type {
  HttpFields,
  HttpHolder,
  HttpLease,
  HttpReply,
  HttpUpstream,
  Observer,
} from '../../call/index.ts';
import { whenHere } from './arrival.ts';
import { BodyPace } from './body-pace.ts';
import { attemptBody } from './body.ts';
import { ProxyError, statusOfError } from './errors.ts';
import type { ProxyOptions, ProxyRoute } from './options.ts';

export interface PassthroughRequestDeps {
  readonly options: ProxyOptions;
  readonly observer: Observer;
  readonly clock: Clock;
}

export interface Asked {
  readonly request: FastifyRequest;
  readonly response: ServerResponse;
  readonly route: ProxyRoute;
  readonly upstream: HttpUpstream;
  /** Path and query for the backend: checked, and never built again. */
  readonly target: string;
  readonly id: string;
  /** The client's. */
  readonly peer: string;
}

/** Nothing happens by doing these twice (RFC 9110 §9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * One proxied HTTP request: leases a backend, retries at another one what was not started or failed with UNAVAILABLE
 * as GET or HEAD, and reports its end to the observer. After `maxDurationMs` (0: never) it is cut with
 * DEADLINE_EXCEEDED.
 */
export class PassthroughRequest implements HttpHolder {
  readonly asked: Asked;
  readonly #deps: PassthroughRequestDeps;
  readonly #startedMs: number;
  readonly peer: string;
  readonly #pace: BodyPace;
  #stopWaiting: (() => void) | undefined;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #lease: HttpLease | undefined;
  #tried: readonly string[] = [];
  #cut: StatusError | undefined;
  #ended = false;
  #firstByteMs: number | undefined;
  #requestBytes = 0;
  #replyBytes = 0;

  constructor(asked: Asked, deps: PassthroughRequestDeps) {
    this.asked = asked;
    this.#deps = deps;
    this.#startedMs = deps.clock();
    this.peer = asked.peer;
    this.#pace = new BodyPace(deps.options.pace, deps.clock);
    const { maxDurationMs } = deps.options;
    if (maxDurationMs > 0)
      this.#timer = setTimeout(
        guarded('http', () => {
          this.cut(new StatusError(Code.DEADLINE_EXCEEDED, `the request took more than ${maxDurationMs} ms`));
        }),
        maxDurationMs,
      );
    deps.observer.httpStarted(asked.route.prefix);
    asked.response.once(
      'close',
      guarded('http', () => {
        if (asked.response.writableFinished) return;
        this.cut(new StatusError(Code.CANCELLED, 'the client closed the connection'));
        this.end(this.#cut);
      }),
    );
  }

  /** Why the gateway ended it, when it did. */
  get reason(): StatusError | undefined {
    return this.#cut;
  }

  /** Calls back when there is enough of the request for a backend; not at all when the client has gone. */
  whenHere(callback: (error?: StatusError) => void): void {
    const { raw } = this.asked.request;
    const { idleTimeoutMs } = this.#deps.options;
    this.#stopWaiting = whenHere(raw, {
      idleTimeoutMs,
      pace: this.#pace,
      here: () => {
        if (!this.#ended) callback();
      },
      refused: (error) => {
        this.#deps.observer.limited('slow body');
        callback(error);
      },
    });
  }

  get behindMs(): number {
    return this.#pace.behindMs;
  }

  evict(reason: StatusError): void {
    this.#deps.observer.limited('slow body');
    this.cut(new ProxyError(408, reason.message));
  }

  /** Chooses a backend. @throws StatusError when there is none */
  choose(): HttpLease {
    const next = this.asked.upstream.lease(this.#tried, this);
    // the new one first: a fleet that is being stopped ends with its last lease
    this.#lease?.end('failed');
    this.#lease = next;
    this.#tried = [...this.#tried, next.backend];
    return next;
  }

  get lease(): HttpLease {
    return this.#lease ?? this.choose();
  }

  /** Ends the work at the backend; what the client is told is another matter. */
  cut(reason: StatusError): void {
    if (this.#cut !== undefined || this.#ended) return;
    this.#cut = reason;
    this.#abort.abort(reason);
  }

  /** @throws StatusError the last one, when no attempt was answered */
  async send(method: string, headers: HttpFields): Promise<HttpReply> {
    const { options, observer } = this.#deps;
    const { request, target } = this.asked;
    for (let attempt = 1; ; attempt++) {
      const { lease } = this;
      try {
        return await lease.send({
          method,
          target,
          headers: { ...headers, host: new URL(lease.origin).host },
          body: request.body === undefined ? undefined : this.#body(),
          signal: this.#abort.signal,
          headersTimeoutMs: options.headersTimeoutMs,
          idleTimeoutMs: options.idleTimeoutMs,
        });
      } catch (reason) {
        if (this.#cut !== undefined) throw this.#cut;
        const error = StatusError.from(reason);
        const again =
          error.disposition === 'not-started' || (safeMethods.has(method) && error.code === Code.UNAVAILABLE);
        if (!again || attempt >= options.maxAttempts) throw error;
        observer.retried(lease.backend, 'UNAVAILABLE');
        try {
          this.choose();
        } catch {
          throw error;
        }
      }
    }
  }

  #body(): Readable {
    const { maxBodyBytes, idleTimeoutMs } = this.#deps.options;
    return attemptBody(this.asked.request.raw, {
      maxBodyBytes,
      idleTimeoutMs,
      pace: this.#pace,
      onBytes: (count) => {
        this.#requestBytes += count;
      },
      onFault: (error) => {
        this.cut(error);
      },
    });
  }

  sent(count: number): void {
    this.#firstByteMs ??= this.#deps.clock() - this.#startedMs;
    this.#replyBytes += count;
  }

  /** @param error what went wrong at the gateway or on the way; a backend's own error answer is none */
  end(error?: StatusError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#stopWaiting?.();
    const { request, response, route, id } = this.asked;
    const { statusCode: status, headersSent } = response;
    const from = this.#lease?.backend ?? '';
    this.#lease?.end(outcomeOf(status, error));
    const { raw } = request;
    this.#deps.observer.httpEnded({
      id,
      peer: this.peer,
      prefix: route.prefix,
      method: raw.method ?? '',
      path: (raw.url ?? '').split('?', 1)[0] ?? '',
      status: headersSent ? status : 0,
      complete: error === undefined,
      message: error?.message ?? '',
      durationMs: this.#deps.clock() - this.#startedMs,
      firstByteMs: this.#firstByteMs,
      requestBytes: this.#requestBytes,
      replyBytes: this.#replyBytes,
      from,
    });
  }
}

/** Other 5xx are often the request's fault: OpenVINO Model Server answers 500 to a wrong API key. */
function outcomeOf(status: number, error: StatusError | undefined): 'ok' | 'failed' | 'error' | 'left' {
  // long requests take long: time-outs are a client's to bring about
  if (error?.code === Code.DEADLINE_EXCEEDED) return 'error';
  if (error !== undefined) return statusOfError(error) >= 500 ? 'failed' : 'left';
  return status === 502 || status === 503 || status === 504 ? 'error' : 'ok';
}

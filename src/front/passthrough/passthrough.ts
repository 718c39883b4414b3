/** The proxy's door: requests below fixed prefixes pass, by @fastify/http-proxy, to a backend of the prefix's fleet. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import httpProxy from '@fastify/http-proxy';
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';
import { StatusError } from '../../base/status.ts';
import type { HttpUpstream, Observer } from '../../call/index.ts';
import type { Cors } from '../cors.ts';
import { tooLarge } from './body.ts';
import { openAiError, ProxyError, statusOfError } from './errors.ts';
import { replyFields, requestFields } from './fields.ts';
import type { ProxyOptions, ProxyRoute } from './options.ts';
import { PassthroughRequest } from './passthrough-request.ts';
import { relay } from './relay.ts';
import { routeOf, targetOf } from './target.ts';

export interface ProxyDeps {
  readonly options: ProxyOptions;
  /** The fleet of a route. */
  readonly upstream: (fleet: string) => HttpUpstream;
  readonly cors: Cors;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly nextId: () => string;
}

export interface Passthrough {
  /** True for a path below one of the prefixes. */
  takes(url: string): boolean;
  /** Serves such a request. */
  handle(request: IncomingMessage, response: ServerResponse, peer: string): void;
  ready(): Promise<void>;
  close(): Promise<void>;
}

const methods = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'] as const;
const allowedMethods = [...methods, 'OPTIONS'].join(', ');

/**
 * Creates the reverse proxy for the configured path prefixes: request and response bodies are streamed between the
 * client and a backend of the prefix's fleet. Errors have OpenAI's format; OPTIONS is answered as a CORS preflight.
 */
export function createPassthrough(deps: ProxyDeps): Passthrough {
  const { options, cors } = deps;
  const app = fastify({ logger: false, exposeHeadRoutes: false });
  // bodies are nobody's to read here
  app.removeAllContentTypeParsers();
  const peers = new WeakMap<IncomingMessage, string>();
  const passthroughs = new WeakMap<FastifyRequest, PassthroughRequest>();
  const passthroughOf = (request: FastifyRequest): PassthroughRequest =>
    passthroughs.get(request) as PassthroughRequest;
  /** The request that reply.from() works for: it calls the client's request() below before it returns. */
  let current: PassthroughRequest | undefined;

  /** A request that gets no PassthroughRequest, since it is for no backend, is counted where the others are. */
  function tellAlone({ raw }: FastifyRequest, reply: FastifyReply, message: string): void {
    const prefix = routeOf(options.routes, raw.url ?? '')?.prefix ?? '';
    const { remoteAddress, remotePort } = raw.socket;
    const startedMs = deps.clock();
    deps.observer.httpStarted(prefix);
    const response = reply.raw;
    response.once(
      'close',
      guarded('http', () => {
        deps.observer.httpEnded({
          id: String(reply.getHeader('x-request-id')),
          peer: `${remoteAddress ?? ''}:${remotePort ?? ''}`,
          prefix,
          method: raw.method ?? '',
          path: (raw.url ?? '').split('?', 1)[0] ?? '',
          status: response.headersSent ? response.statusCode : 0,
          complete: response.writableFinished,
          message,
          durationMs: deps.clock() - startedMs,
          firstByteMs: undefined,
          requestBytes: 0,
          replyBytes: 0,
          from: '',
        });
      }),
    );
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { raw, headers } = request;
    const { origin } = headers;
    void reply.header('x-request-id', headers['x-request-id']?.toString() ?? deps.nextId());
    if (raw.method === 'OPTIONS') {
      const method = headers['access-control-request-method'];
      for (const [name, value] of cors.preflight(
        origin,
        method,
        headers['access-control-request-headers'],
        allowedMethods,
      ))
        void reply.header(name, value);
      tellAlone(request, reply, '');
      void reply.code(204).send();
      return;
    }
    for (const [name, value] of cors.headers(origin)) void reply.header(name, value);
    done();
  });

  /** Checks what can be checked before a backend is chosen. @throws ProxyError */
  function open(route: ProxyRoute, request: FastifyRequest, reply: FastifyReply): void {
    const { raw, headers } = request;
    const found = targetOf(route, raw.url ?? '');
    if ('refused' in found) throw new ProxyError(400, `Malformed request: ${found.refused}`);
    if (headers.upgrade?.toLowerCase() === 'websocket')
      throw new ProxyError(501, 'WebSocket connections are not passed on');
    if (Number(headers['content-length'] ?? 0) > options.maxBodyBytes) throw tooLarge(options.maxBodyBytes);
    const passthrough = new PassthroughRequest(
      {
        request,
        response: reply.raw,
        route,
        upstream: deps.upstream(route.fleet),
        target: found.target,
        id: String(reply.getHeader('x-request-id')),
        peer: peers.get(raw) ?? '',
      },
      deps,
    );
    passthroughs.set(request, passthrough);
  }

  function sendError(reply: FastifyReply, reason: unknown): void {
    const error = StatusError.from(reason);
    const status = statusOfError(error);
    if (status === 413) deps.observer.limited('body');
    if (status === 429 || status === 503) void reply.header('retry-after', '1');
    // what is left of the body is not read: the connection cannot be used again
    if (!reply.request.raw.complete) void reply.header('connection', 'close');
    const passthrough = passthroughs.get(reply.request);
    if (passthrough === undefined) tellAlone(reply.request, reply, error.message);
    else
      reply.raw.once(
        'finish',
        guarded('http', () => {
          passthrough.end(error);
        }),
      );
    void reply.code(status).type('application/json').send(openAiError(error));
  }

  function answer(request: FastifyRequest, reply: FastifyReply, body: Readable): void {
    const passthrough = passthroughOf(request);
    const { raw } = reply;
    const type = String(reply.getHeader('content-type') ?? '');
    reply.header('x-served-by', passthrough.lease.backend);
    reply.hijack();
    raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
    relay(
      body,
      raw,
      {
        where: `backend ${passthrough.lease.backend}`,
        idleTimeoutMs: options.idleTimeoutMs,
        events: type.startsWith('text/event-stream') && !reply.hasHeader('content-encoding'),
        reason: () => passthrough.reason,
      },
      {
        onBytes: (count) => {
          passthrough.sent(count);
        },
        onEnd: (error) => {
          if (error !== undefined) passthrough.cut(error);
          passthrough.end(error);
        },
      },
    );
  }

  for (const route of options.routes) {
    app.register(httpProxy, {
      prefix: route.prefix,
      rewritePrefix: route.rewrite,
      upstream: '',
      httpMethods: [...methods],
      websocket: false,
      disableCache: true,
      disableRequestLogging: true,
      internalRewriteLocationHeader: false,
      // the fleet's connections, which verify TLS; host and path are the PassthroughRequest's, whatever has been made of them
      // here
      undici: {
        request: ((asked: { method: string; headers: Record<string, string> }, done: Done) => {
          const passthrough = current as PassthroughRequest;
          passthrough
            .send(asked.method, asked.headers)
            .then(
              (reply) => {
                done(null, { ...reply, headers: replyFields(reply.headers, passthrough.lease.origin) });
              },
              (error: Error) => {
                done(error);
              },
            )
            .catch((reason: unknown) => {
              // the answer could not be written (its backend sent a field that HTTP/1.1 has no way to say): it ends
              // here
              const { response } = passthrough.asked;
              if (!response.headersSent)
                response.writeHead(502, { connection: 'close', 'content-length': 0 }).end();
              passthrough.end(StatusError.from(reason));
              if (!response.writableEnded) response.destroy();
            });
        }) as never,
      },
      handler(request, reply, target, from) {
        current = passthroughOf(request);
        try {
          return reply.from(target, from);
        } finally {
          current = undefined;
        }
      },
      preHandler(request, reply, done) {
        try {
          open(route, request, reply);
        } catch (reason) {
          sendError(reply, reason);
          return;
        }
        const passthrough = passthroughOf(request);
        passthrough.whenHere((error) => {
          try {
            if (error !== undefined) throw error;
            passthrough.choose();
          } catch (reason) {
            sendError(reply, reason);
            return;
          }
          done();
        });
      },
      replyOptions: {
        getUpstream: (request) => passthroughOf(request as FastifyRequest).lease.origin,
        // ours is the only retry: it picks another backend
        retryDelay: () => null,
        rewriteRequestHeaders: (request, headers) =>
          requestFields(headers, request.raw.headers.connection, {
            host: String(headers.host),
            id: passthroughOf(request as FastifyRequest).asked.id,
            hasBody: request.body !== undefined,
          }),
        onResponse: (request, reply, { stream }) => {
          answer(request as FastifyRequest, reply as FastifyReply, stream);
        },
        onError: (reply, { error }) => {
          const { reason } = passthroughOf((reply as FastifyReply).request);
          sendError(reply as FastifyReply, reason ?? error.cause ?? error);
        },
      },
    });
  }

  app.setNotFoundHandler((request, reply) => {
    void reply.header('allow', allowedMethods);
    sendError(reply, new ProxyError(405, `${request.method} is not passed on`));
  });
  // what fastify and its plugins refuse themselves
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const { statusCode = 500 } = error;
    sendError(
      reply,
      error instanceof StatusError || statusCode >= 500
        ? error
        : new ProxyError(statusCode, `Malformed request: ${error.message}`),
    );
  });

  return {
    takes: (url) => routeOf(options.routes, url) !== undefined,
    handle(request, response, peer) {
      peers.set(request, peer);
      app.routing(request, response);
    },
    ready: async () => void (await app.ready()),
    close: () => app.close(),
  };
}

type Done = (error: Error | null, reply?: object) => void;

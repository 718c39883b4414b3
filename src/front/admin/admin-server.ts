/**
 * The admin door: is it alive, is it ready, its metrics, its fleet, its configuration. For operators, not for
 * clients.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fastify, type FastifyReply } from 'fastify';
import { addActions } from './actions.ts';
import { createEvents } from './events.ts';
import { hostCheck } from './hosts.ts';
import { compactJson, redact, toJson } from './json.ts';
import { sendFile, webUrl } from './page.ts';
import type { AdminDeps } from './view.ts';

export interface AdminServer {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** To be awaited before the first request. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const routes: readonly (readonly [path: string, says: string])[] = [
  ['/', 'the dashboard, in a browser'],
  ['/docs/', 'the documentation, in a browser'],
  ['/healthz', 'whether the process is alive'],
  ['/readyz', 'whether it should get new calls (503: starting, draining, or no backend)'],
  ['/metrics', 'metrics for Prometheus'],
  ['/api/fleet', 'backends, models, versions, health'],
  ['/api/events', 'the same and the traffic, every second (server-sent events)'],
  ['/api/config', 'the configuration in force, without secrets'],
  ['/api/version', 'which gateway this is'],
];

/** What kubelets and Prometheus ask for, by whatever name the service has. */
const open: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Creates the admin HTTP server: health, readiness, Prometheus metrics, fleet state, configuration and dashboard. A
 * Host other than an address, localhost or one of `names()` gets 403, except for /healthz, /readyz and /metrics. Its
 * timer runs until `close()`.
 */
export function createAdminServer(deps: AdminDeps): AdminServer {
  const index = `Tensorgate ${deps.version}\n\n${routes.map(([path, says]) => `${path.padEnd(14)}${says}\n`).join('')}`;
  const app = fastify({ logger: false, bodyLimit: 1024, exposeHeadRoutes: true });

  app.addHook('onRequest', (request, reply, done) => {
    const path = request.url.split('?', 1)[0] as string;
    if (open.has(path) || hostCheck(deps.names())(request.headers.host)) done();
    else
      void json(reply.code(403), {
        error:
          'this door has no such name: ask it by its address or as localhost, or set doors.adminNames (a page of another site could let its name point here)',
      });
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    // Answers change by the second, and a browser shall not guess that metrics are a page.
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
    void reply.header('x-content-type-options', 'nosniff');
    return payload;
  });
  const json = (reply: FastifyReply, value: unknown): FastifyReply =>
    reply.type('application/json; charset=utf-8').send(toJson(value));

  const about = (host: string | undefined): object => ({
    version: deps.version,
    node: process.version,
    pid: process.pid,
    uptimeS: Math.floor(process.uptime()),
    webUrl: webUrl(deps.clientListener(), host),
    adminActions: deps.setDrained() !== undefined,
  });
  /** In what a machine reads; nothing while there is nothing to say. */
  const refusedReload = (): object => {
    const refused = deps.refusedReload();
    if (refused === undefined) return {};
    return { refusedReload: { at: new Date(refused.at).toISOString(), reason: refused.message } };
  };
  const { traffic } = deps;
  const events = createEvents({
    tick: (at) => void traffic.tick(at),
    hello: (host) => compactJson({ ...about(host), points: traffic.points }),
    state: () =>
      compactJson({
        at: Date.now(),
        ready: deps.ready(),
        ...refusedReload(),
        fleets: deps.fleets(),
        point: traffic.points.at(-1),
        totals: traffic.totals(),
      }),
  });

  app.get('/', (request, reply) => {
    // a terminal gets what it can read
    const page = /\btext\/html\b/.test(request.headers.accept ?? '') ? deps.page().get('/') : undefined;
    if (page !== undefined) return sendFile(request, reply, page, deps.clientListener());
    return reply.header('vary', 'accept').type('text/plain; charset=utf-8').send(index);
  });
  app.get('/assets/*', (request, reply) => {
    const file = deps.page().get(request.url.split('?', 1)[0] as string);
    return file === undefined
      ? json(reply.code(404), { error: 'no such file' })
      : sendFile(request, reply, file, deps.clientListener());
  });
  app.get('/docs', (_request, reply) => reply.redirect('/docs/'));
  app.get('/docs/*', async (request, reply) => {
    const { docs } = deps;
    const path = (request.url.split('?', 1)[0] as string).slice('/docs/'.length);
    const file = await docs.find(path);
    if (file !== undefined) return sendFile(request, reply, file, deps.clientListener());
    const error = docs.isThere
      ? 'no such page of the docs; they begin at /docs/'
      : 'the docs are not in this build: `npm run site` makes them';
    return json(reply.code(404), { error });
  });
  app.get('/healthz', (_request, reply) => json(reply, { status: 'alive' }));
  app.get('/readyz', (request, reply) => {
    const { ok, reason } = deps.ready();
    const state = ok ? { ready: true } : { ready: false, reason };
    // an operator's concern, and no reason to send calls elsewhere; by a name that is not the door's own it is nobody's
    const more = hostCheck(deps.names())(request.headers.host) ? refusedReload() : {};
    return json(reply.code(ok ? 200 : 503), { ...state, ...more });
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await deps.render();
    return reply.header('content-type', contentType).send(body);
  });
  app.get('/api/fleet', (_request, reply) => json(reply, { fleets: deps.fleets() }));
  app.get('/api/config', (_request, reply) => json(reply, redact(deps.config())));
  app.get('/api/version', (request, reply) => json(reply, about(request.headers.host)));
  // no HEAD: it would be a page that never leaves
  app.get('/api/events', { exposeHeadRoute: false }, (request, reply) => {
    if (!events.open(reply.raw, request.headers.host))
      return json(reply.code(503).header('retry-after', '10'), { error: 'too many pages are watching' });
    reply.hijack();
    return undefined;
  });
  addActions(app, deps.setDrained, json, events.push);

  app.setNotFoundHandler((request, reply) => {
    const known = routes.some(([path]) => path === request.url.split('?', 1)[0]);
    if (known) void reply.header('allow', 'GET, HEAD');
    const error = known
      ? 'this path takes GET'
      : `no such page; try ${routes.map(([path]) => path).join(' ')}`;
    return json(reply.code(known ? 405 : 404), { error });
  });
  app.setErrorHandler((error: { statusCode?: number; message?: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    // What broke inside is for the log, not for the page.
    return json(reply.code(status), {
      error: status < 500 ? error.message : 'internal error of the gateway',
    });
  });

  return {
    handle: (request, response) => app.routing(request, response),
    ready: async () => void (await app.ready()),
    async close() {
      events.close();
      await app.close();
    },
  };
}

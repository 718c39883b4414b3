/** The admin door: is it alive, is it ready, its metrics, its fleet, its configuration. For operators, not for clients. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fastify, type FastifyReply } from 'fastify';
import { redact, toJson } from './json.ts';
import type { AdminDeps } from './view.ts';

export interface AdminDoor {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** To be awaited before the first request. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const routes: readonly (readonly [path: string, says: string])[] = [
  ['/healthz', 'whether the process is alive'],
  ['/readyz', 'whether it should get new calls (503: starting, draining, or no backend)'],
  ['/metrics', 'metrics for Prometheus'],
  ['/api/fleet', 'backends, models, versions, health'],
  ['/api/config', 'the configuration in force, without secrets'],
  ['/api/version', 'which gateway this is'],
];

export function createAdminDoor(deps: AdminDeps): AdminDoor {
  const index = `Tensorgate ${deps.version}\n\n${routes.map(([path, says]) => `${path.padEnd(14)}${says}\n`).join('')}`;
  const app = fastify({ logger: false, bodyLimit: 1024, exposeHeadRoutes: true });

  app.addHook('onSend', async (_request, reply, payload) => {
    // Answers change by the second, and a browser shall not guess that metrics are a page.
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    return payload;
  });
  const json = (reply: FastifyReply, value: unknown): FastifyReply =>
    reply.type('application/json; charset=utf-8').send(toJson(value));

  app.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(index));
  app.get('/healthz', (_request, reply) => json(reply, { status: 'alive' }));
  app.get('/readyz', (_request, reply) => {
    const { ok, reason } = deps.ready();
    return json(reply.code(ok ? 200 : 503), ok ? { ready: true } : { ready: false, reason });
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await deps.render();
    return reply.header('content-type', contentType).send(body);
  });
  app.get('/api/fleet', (_request, reply) => json(reply, { fleets: deps.fleets() }));
  app.get('/api/config', (_request, reply) => json(reply, redact(deps.config())));
  app.get('/api/version', (_request, reply) =>
    json(reply, {
      version: deps.version,
      node: process.version,
      pid: process.pid,
      uptimeS: Math.floor(process.uptime()),
    }),
  );

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
    close: () => app.close(),
  };
}

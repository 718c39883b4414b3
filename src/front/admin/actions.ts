/** What an operator may do at the admin door: take a backend out of the choice, and back in. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdminDeps } from './view.ts';

interface DrainRoute {
  Params: { fleet: string; backend: string };
  Body: unknown;
}

/**
 * Why a request may not change anything, or undefined. A page of another origin can make a browser send a form or a
 * plain text here, but neither JSON nor a false Origin.
 */
function refusal({ headers }: FastifyRequest): string | undefined {
  const { origin, host } = headers;
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return 'send application/json';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return 'only the dashboard itself may do this';
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host))
    return 'only the dashboard itself may do this';
  return undefined;
}

/**
 * Adds `POST /api/fleets/:fleet/backends/:backend` with the body `{"drained": boolean}`, which drains a backend or
 * takes it back; `changed` is called after it. Answers 403 while actions are off or when the request may be
 * cross-site, 400 for another body, 404 for an unknown backend.
 */
export function addActions(
  app: FastifyInstance,
  allowed: AdminDeps['setDrained'],
  json: (reply: FastifyReply, value: unknown) => FastifyReply,
  changed: () => void,
): void {
  app.post<DrainRoute>('/api/fleets/:fleet/backends/:backend', (request, reply) => {
    const { fleet, backend } = request.params;
    const setDrained = allowed();
    const refused =
      setDrained === undefined
        ? 'the configuration allows no actions here (doors.adminActions)'
        : refusal(request);
    if (refused !== undefined || setDrained === undefined) return json(reply.code(403), { error: refused });
    const drained = (request.body as { drained?: unknown } | null)?.drained;
    if (typeof drained !== 'boolean')
      return json(reply.code(400), { error: 'expected {"drained": true} or {"drained": false}' });
    if (!setDrained(fleet, backend, drained))
      return json(reply.code(404), { error: `fleet ${fleet} has no backend ${backend}` });
    changed();
    return json(reply, { fleet, backend, drained });
  });
}

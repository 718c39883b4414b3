/**
 * The routes that are asked all the time, on node:http itself: what fastify would do for each of them (an object for
 * the request and one for the reply, hooks, a parser for the body's type) costs more than the rest of the door.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Code, StatusError, type Target } from '../../call/index.ts';
import { errorBody } from '../../codec/index.ts';
import { acceptsGzip, writeAnswer, writeWhole } from './answer.ts';
import { askerOf } from './asker.ts';
import { BodyError } from './body.ts';
import type { RestDeps } from './door.ts';
import { httpStatus } from './http-status.ts';
import { type Asker, infer, predict } from './infer.ts';
import { type InferenceRoute, inferenceRoute } from './routes.ts';

const jsonType = 'application/json';

/** The HTTP status of an error. */
export function statusFor(error: StatusError): number {
  return error instanceof BodyError ? error.httpStatus : httpStatus(error.code satisfies Code);
}

/** @returns false for a request that is none of these */
export function createInference(
  deps: RestDeps,
  targetOf: (route: InferenceRoute, asker: Asker) => Target,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { options, cors, observer } = deps;

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    route: InferenceRoute | StatusError,
  ): Promise<void> {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' ? given : deps.nextId();
    const headers = ['content-type', jsonType, 'x-request-id', id];
    for (const [name, value] of cors.headers(request.headers.origin)) headers.push(name, value);
    try {
      if (route instanceof StatusError) throw route;
      const asker = askerOf(request, response, id, deps.clock, options.timeoutMs);
      const target = targetOf(route, asker);
      const { body, from, version } = await (route.kind === 'predict'
        ? predict(deps, target, request, asker)
        : infer(deps, route.kind, target, request, asker));
      headers.push('x-served-by', from);
      if (version !== undefined) headers.push('x-model-version', String(version));
      const gzipMinBytes = acceptsGzip(request) ? options.gzipMinBytes : Number.POSITIVE_INFINITY;
      await writeAnswer(response, 200, headers, body, gzipMinBytes);
    } catch (reason) {
      const error = StatusError.from(reason);
      // nothing can be said any more once an answer has begun
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const status = statusFor(error);
      if (status === 413) observer.limited('body');
      if (error.retryAfterMs !== undefined)
        headers.push('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
      // what is left of the body is not read: the connection cannot be used again
      if (!request.complete) headers.push('connection', 'close');
      writeWhole(response, status, headers, errorBody(error.message));
    }
  }

  return (request, response) => {
    if (request.method !== 'POST') return false;
    let route;
    try {
      route = inferenceRoute(request.url ?? '');
    } catch (reason) {
      route = StatusError.from(reason);
    }
    if (route === undefined) return false;
    void answer(request, response, route);
    return true;
  };
}

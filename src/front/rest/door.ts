/** The REST door: TensorFlow Serving's API over HTTP, every answer JSON, errors too. fastify serves what is asked now and then. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fastify, type FastifyReply } from 'fastify';
import {
  type Clock,
  Code,
  type Handler,
  type ListedModel,
  type Observer,
  StatusError,
  type Target,
} from '../../call/index.ts';
import { decodeGetModelStatusResponse, encodeGetModelStatusRequest, errorBody } from '../../codec/index.ts';
import {
  type Catalog,
  methodOf,
  type ModelView,
  type Router,
  type RouterContext,
  specOf,
  stateName,
} from '../../models/index.ts';
import type { Cors } from '../cors.ts';
import { askerOf } from './asker.ts';
import { ask, type Asker } from './infer.ts';
import { createInference, statusFor } from './inference.ts';
import { metadataJson, statusJson } from './information.ts';
import type { RestOptions } from './options.ts';
import { type InferenceRoute, type Route, routeOf } from './routes.ts';

export interface RestDeps {
  readonly handler: Handler;
  readonly catalog: Catalog;
  readonly view: ModelView;
  readonly options: RestOptions;
  readonly cors: Cors;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly nextId: () => string;
  /** The model and version behind a public name. */
  readonly route: Router;
  /** Models of generative servers, which the list of models shows too. */
  readonly otherModels: () => readonly ListedModel[];
  /** Reads the configuration again; absent where there is none to read. */
  readonly reload?: (() => Promise<void>) | undefined;
}

export interface RestDoor {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  ready(): Promise<void>;
  close(): Promise<void>;
}

const statusMethod = methodOf('/tensorflow.serving.ModelService/GetModelStatus');
const jsonType = 'application/json';
/** What OpenAI's clients read of a model that has no such facts: when this gateway began, and who has it. */
const created = Math.floor(Date.now() / 1000);
const owner = 'tensorgate';

export function createRestDoor(deps: RestDeps): RestDoor {
  const { options, cors, view } = deps;
  const app = fastify({ logger: false, exposeHeadRoutes: false, routerOptions: { maxParamLength: 8192 } });
  // bodies are read by us, whatever the content type: TensorFlow Serving never looks at it, and curl sends a wrong one
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(null);
  });
  const openAi = (id: string): ListedModel => ({ id, object: 'model', created, owned_by: owner });
  const okMessage = options.metadataStyle === 'ovms' ? 'OK' : '';

  function targetOf(
    { model, version, label }: Pick<InferenceRoute, 'model' | 'version' | 'label'>,
    { metadata }: Asker,
    purpose: RouterContext['purpose'],
  ): Target {
    const named = version !== undefined ? { version } : label === undefined ? {} : { label };
    return deps.route({ model, signature: '', ...named }, { metadata, purpose });
  }

  async function status(route: Extract<Route, { model: string }>, asker: Asker): Promise<object> {
    // as in TensorFlow Serving, a label does not choose here
    const { model, version } = route;
    const target = targetOf({ model, ...(version === undefined ? {} : { version }) }, asker, 'status');
    const { bytes } = await ask(
      deps,
      statusMethod,
      target,
      [encodeGetModelStatusRequest(specOf(target))],
      asker,
    );
    const versions = decodeGetModelStatusResponse(bytes).map(({ state, ...rest }) => ({
      ...rest,
      state: stateName(state),
    }));
    return statusJson(versions, okMessage);
  }

  /** One path for TensorFlow Serving's status and OpenAI's retrieval: the answer has the keys of both. */
  async function retrieve(route: Extract<Route, { model: string }>, asker: Asker): Promise<object> {
    const other = deps.otherModels().find(({ id }) => id === route.model);
    if (other !== undefined && !view.knows(route.model)) return other;
    return { ...(await status(route, asker)), ...openAi(route.model) };
  }

  function list(): object {
    const own = view
      .models()
      .map(({ name, versions }) => ({ name, status: statusJson(versions, okMessage) }));
    const names = new Set(own.map(({ name }) => name));
    return {
      object: 'list',
      data: [
        ...own.map(({ name, status: shown }) => ({ ...openAi(name), ...shown })),
        ...deps.otherModels().filter(({ id }) => !names.has(id)),
      ],
      models: own.map(({ name, status: shown }) => ({ name, ...shown })),
    };
  }

  const config = (): object =>
    Object.fromEntries(view.models().map(({ name, versions }) => [name, statusJson(versions, okMessage)]));

  async function reload(): Promise<object> {
    if (!options.allowReload || deps.reload === undefined) {
      throw new StatusError(
        Code.PERMISSION_DENIED,
        'config reload is refused unless the configuration allows it (rest.allowReload)',
      );
    }
    await deps.reload();
    return config();
  }

  async function information(route: Route, asker: Asker): Promise<object> {
    switch (route.kind) {
      case 'status':
        return route.plain ? retrieve(route, asker) : status(route, asker);
      case 'metadata':
        return metadataJson(
          await deps.catalog.metadata(targetOf(route, asker, 'describe'), asker),
          options.metadataStyle,
        );
      case 'config':
        return config();
      case 'reload':
        return reload();
      default:
        return list();
    }
  }

  function sendError(reply: FastifyReply, reason: unknown): FastifyReply {
    const error = StatusError.from(reason);
    // what is left of the body is not read: the connection cannot be used again
    if (!reply.request.raw.complete) void reply.header('connection', 'close');
    return reply.code(statusFor(error)).send(Buffer.from(errorBody(error.message)));
  }

  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: '/*',
    handler: async (request, reply) => {
      const { raw } = request;
      const id = request.headers['x-request-id']?.toString() ?? deps.nextId();
      const origin = request.headers.origin;
      void reply.header('x-request-id', id).type(jsonType);
      if (raw.method === 'OPTIONS') {
        const wanted = request.headers['access-control-request-headers'];
        for (const [name, value] of cors.preflight(
          origin,
          request.headers['access-control-request-method'],
          wanted,
        ))
          void reply.header(name, value);
        return reply.code(200).removeHeader('content-type').send();
      }
      for (const [name, value] of cors.headers(origin)) void reply.header(name, value);
      const asker = askerOf(raw, reply.raw, id, deps.clock, options.timeoutMs);
      try {
        const route = routeOf(raw.method ?? '', raw.url ?? '');
        const body = Buffer.from(`${JSON.stringify(await information(route, asker), undefined, 1)}\n`);
        await reply.code(route.kind === 'reload' ? 201 : 200).send(body);
      } catch (reason) {
        await sendError(reply, reason);
      }
      return reply;
    },
  });

  const inference = createInference(deps, (route, asker) => targetOf(route, asker, 'infer'));

  // what fastify itself refuses (a URL that is no URL) is JSON too
  app.setErrorHandler((error: { statusCode?: number; message?: string }, _request, reply) =>
    reply
      .code(error.statusCode ?? 500)
      .type(jsonType)
      .send(
        Buffer.from(
          errorBody(
            (error.statusCode ?? 500) < 500
              ? `Malformed request: ${error.message ?? ''}`
              : 'internal error of the gateway',
          ),
        ),
      ),
  );

  return {
    handle: (request, response) => {
      if (!inference(request, response)) app.routing(request, response);
    },
    ready: async () => void (await app.ready()),
    close: () => app.close(),
  };
}

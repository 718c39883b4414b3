/** The V2 REST API: KServe's Open Inference Protocol over HTTP. Each route is the gRPC call of the same meaning. */
import { Code, StatusError } from '../../../base/status.ts';
import type { Target } from '../../../call/index.ts';
import {
  decodeFlagResponse,
  decodeModelMetadataResponse,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
  encodeModelVersionRequest,
  encodeRepositoryIndexRequest,
  encodeV2MetadataJson,
  repositoryIndexAsked,
  repositoryIndexJson,
  specOfV2,
  V2Body,
  versionTextOf,
} from '../../../codec/index.ts';
import {
  backendField,
  extensionMethods,
  inProtocol,
  jsonLengthHeader,
  methodOf,
  specOf,
  targetOf,
} from '../../../models/index.ts';
import { inTurn } from '../answer.ts';
import { readBody } from '../body.ts';
import type { HttpAnswer, HttpApi } from '../json-handler.ts';
import type { JsonRequest } from '../json-request.ts';
import { limitsOf } from '../options.ts';
import { addAnswerFields, callUnary, type RequestContext, requestContextOf } from '../request-context.ts';
import { addWideFields, change } from './change.ts';
import type { V2Deps } from './deps.ts';
import { generate } from './generate.ts';
import { infer } from './infer.ts';
import { type V2Route, v2RouteOf } from './routes.ts';

const service = '/inference.GRPCInferenceService';
const methods = {
  live: methodOf(`${service}/ServerLive`),
  ready: methodOf(`${service}/ServerReady`),
  server: methodOf(`${service}/ServerMetadata`),
  index: methodOf(`${service}/RepositoryIndex`),
  modelReady: methodOf(`${service}/ModelReady`),
  model: methodOf(`${service}/ModelMetadata`),
};
const nothing = [new Uint8Array(0)];

const jsonType = ['content-type', 'application/json'];
const json = (body: object, status = 200): HttpAnswer => ({
  status,
  headers: jsonType,
  body: JSON.stringify(body),
});

/**
 * `?backend=HOST:PORT` is the field of the same meaning.
 * @throws StatusError INVALID_ARGUMENT for a name that none can have
 */
function namingBackend(context: RequestContext, url: string): RequestContext {
  const mark = url.indexOf('?');
  if (mark === -1) return context;
  const backend = new URLSearchParams(url.slice(mark + 1)).get('backend');
  if (backend === null) return context;
  if (!/^[\x21-\x7e]{1,1024}$/.test(backend))
    throw new StatusError(Code.INVALID_ARGUMENT, '"backend" must be the name of a backend');
  return { ...context, metadata: [...context.metadata, backendField, backend] };
}

/** What a request for the index may take, in bytes: it has one flag. */
const maxIndexBytes = 65_536;

/**
 * Creates the handler of KServe V2's REST routes and Triton's extensions to them; each route calls the gRPC method of
 * the same meaning, and a failed call rejects with its StatusError.
 */
export function createV2Api(deps: V2Deps): HttpApi {
  const indexLimits = { ...limitsOf(deps.options), maxBytes: maxIndexBytes };
  function target(
    { model, version }: { readonly model: string; readonly version: string },
    { metadata }: RequestContext,
    purpose: 'infer' | 'describe',
  ): Target {
    return deps.route(targetOf(specOfV2(model, version)), { metadata, purpose });
  }

  async function question(
    method: (typeof methods)[keyof typeof methods],
    asked: Target | undefined,
    context: RequestContext,
  ): Promise<Uint8Array> {
    const message =
      asked === undefined ? nothing : [encodeModelVersionRequest(asked.model, versionTextOf(specOf(asked)))];
    return (await callUnary(deps, method, asked, message, context)).bytes;
  }

  async function information(
    route: V2Route,
    request: JsonRequest,
    context: RequestContext,
  ): Promise<HttpAnswer> {
    switch (route.kind) {
      case 'live':
      case 'ready': {
        const { kind } = route;
        const flag = decodeFlagResponse(await question(methods[kind], undefined, context));
        return json({ [kind]: flag }, flag ? 200 : 503);
      }
      case 'server':
        return json(decodeServerMetadataResponse(await question(methods.server, undefined, context)));
      case 'index': {
        const body = await readBody(request, new V2Body(maxIndexBytes), indexLimits, deps);
        const message = encodeRepositoryIndexRequest(
          repositoryIndexAsked(Buffer.from(body).toString('utf8')),
        );
        const { bytes } = await callUnary(deps, methods.index, undefined, [message], context);
        return json(repositoryIndexJson(decodeRepositoryIndexResponse(bytes)));
      }
      case 'model-ready': {
        const asked = target(route, context, 'describe');
        const answer = await question(methods.modelReady, asked, context).catch((reason: unknown) => {
          throw inProtocol(reason);
        });
        if (decodeFlagResponse(answer)) return json({ name: route.model, ready: true });
        throw new StatusError(Code.NOT_FOUND, `model ${route.model.slice(0, 200)} is not ready`);
      }
      case 'config':
      case 'stats':
      case 'all-stats': {
        const asked = 'model' in route ? target(route, context, 'describe') : undefined;
        const method = route.kind === 'config' ? extensionMethods.config : extensionMethods.statistics;
        const { bytes, from, metadata } = await callUnary(
          deps,
          method,
          asked,
          nothing,
          namingBackend(context, request.head.url),
        );
        const headers = [...jsonType, 'x-served-by', from];
        addWideFields(headers, metadata);
        return { status: 200, headers, body: { pieces: inTurn([bytes]), lent: false } };
      }
      case 'load':
      case 'unload':
      case 'trace':
      case 'logging':
      case 'memory':
        return change(deps, route, request, namingBackend(context, request.head.url));
      default: {
        const asked = target(route, context, 'describe');
        const metadata = decodeModelMetadataResponse(await question(methods.model, asked, context));
        return { status: 200, headers: jsonType, body: encodeV2MetadataJson(metadata) };
      }
    }
  }

  return async (request, anyones) => {
    const route = v2RouteOf(request.head.method, request.head.url);
    if ('model' in route) request.model = route.model;
    const context =
      'model' in route ? requestContextOf(anyones, route.model, deps.options.timeouts) : anyones;
    if (route.kind === 'generate' || route.kind === 'generate-stream')
      return generate(deps, { target: target(route, context, 'infer'), kind: route.kind }, request, context);
    if (route.kind === 'infer-stream' || (route.kind === 'infer' && request.head.wantsEvents))
      return generate(
        deps,
        { target: target(route, context, 'infer'), kind: 'infer-stream' },
        request,
        context,
      );
    if (route.kind !== 'infer') return information(route, request, context);
    const { body, from, version, metadata } = await infer(
      deps,
      target(route, context, 'infer'),
      request,
      context,
    );
    const { pieces, headerBytes } = body;
    const headers =
      headerBytes === undefined
        ? [...jsonType]
        : ['content-type', 'application/octet-stream', jsonLengthHeader, String(headerBytes)];
    headers.push('x-served-by', from);
    if (version !== '') headers.push('x-model-version', version);
    addAnswerFields(headers, metadata, deps.options.returnsHeader);
    return { status: 200, headers, body: { pieces: inTurn(pieces), lent: false } };
  };
}

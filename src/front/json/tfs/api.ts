/**
 * TensorFlow Serving's API over HTTP, with OpenVINO Model Server's routes and OpenAI's list of models: every answer
 * JSON.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { type ListedModel, newTarget, type Target } from '../../../call/index.ts';
import { decodeGetModelStatusResponse, encodeGetModelStatusRequest } from '../../../codec/index.ts';
import { methodOf, type RouterContext, specOf, stateName, type VersionState } from '../../../models/index.ts';
import type { HttpAnswer, HttpApi } from '../json-handler.ts';
import type { JsonRequest } from '../json-request.ts';
import type { RestDeps } from '../options.ts';
import { refusePages } from '../pages.ts';
import { addAnswerFields, callUnary, type RequestContext, requestContextOf } from '../request-context.ts';
import { explain, infer, predict } from './infer.ts';
import { metadataJson, statusJson } from './information.ts';
import { type InferenceRoute, inferenceRoute, type Route, routeOf } from './routes.ts';

const statusMethod = methodOf('/tensorflow.serving.ModelService/GetModelStatus');
const jsonType = 'application/json';
/** What OpenAI's clients read of a model that has no such facts: when this gateway began, and who has it. */
const created = Math.floor(Date.now() / 1000);
const owner = 'tensorgate';

/**
 * Creates the handler of the v1 routes: TensorFlow Serving's REST API, KServe V1's explain, OpenVINO Model Server's
 * configuration routes and OpenAI's list of models. Errors reject with a StatusError, which the door maps to an HTTP
 * status.
 */
export function createRestApi(deps: RestDeps): HttpApi {
  const { options, view } = deps;
  const openAi = (id: string): ListedModel => ({ id, object: 'model', created, owned_by: owner });
  const okMessage = options.metadataStyle === 'ovms' ? 'OK' : '';

  function targetOf(
    { model, version, label }: Pick<InferenceRoute, 'model' | 'version' | 'label'>,
    { metadata }: RequestContext,
    purpose: RouterContext['purpose'],
  ): Target {
    return deps.route(newTarget(model, version, label, ''), { metadata, purpose });
  }

  async function status(
    route: Extract<Route, { model: string }>,
    context: RequestContext,
  ): Promise<VersionState[]> {
    // as in TensorFlow Serving, a label does not choose here
    const { model, version } = route;
    const target = targetOf(version === undefined ? { model } : { model, version }, context, 'status');
    const { bytes } = await callUnary(
      deps,
      statusMethod,
      target,
      [encodeGetModelStatusRequest(specOf(target))],
      context,
    );
    return decodeGetModelStatusResponse(bytes).map(({ state, ...rest }) => ({
      ...rest,
      state: stateName(state),
    }));
  }

  /**
   * One path for TensorFlow Serving's status, KServe's readiness in V1 and OpenAI's retrieval: the answer has the
   * keys of all.
   */
  async function retrieve(
    route: Extract<Route, { model: string }>,
    context: RequestContext,
  ): Promise<object> {
    const other = deps.otherModels().find(({ id }) => id === route.model);
    if (other !== undefined && !view.knows(targetOf({ model: route.model }, context, 'status'))) return other;
    if (!deps.servesTensors)
      throw new StatusError(Code.NOT_FOUND, `model ${route.model.slice(0, 200)} is not found`);
    const versions = await status(route, context);
    return {
      ...statusJson(versions, okMessage),
      name: route.model,
      ready: versions.some(({ state }) => state === 'AVAILABLE'),
      ...openAi(route.model),
    };
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

  async function reload(request: JsonRequest): Promise<object> {
    if (!options.allowReload || deps.reload === undefined) {
      throw new StatusError(
        Code.PERMISSION_DENIED,
        'config reload is refused unless the configuration allows it (rest.allowReload)',
      );
    }
    refusePages(request, 'config reload');
    try {
      await deps.reload();
    } catch (cause) {
      // what is wrong with it is the operator's to know, and whoever reaches this door may ask
      throw new StatusError(
        Code.FAILED_PRECONDITION,
        'the new configuration is refused, the one in force stays: the log and /readyz of the admin door say why',
        { where: 'configuration', cause },
      );
    }
    return config();
  }

  async function information(route: Route, request: JsonRequest, context: RequestContext): Promise<object> {
    switch (route.kind) {
      case 'status':
        return route.plain ? retrieve(route, context) : statusJson(await status(route, context), okMessage);
      case 'metadata':
        return metadataJson(
          await deps.catalog.metadata(targetOf(route, context, 'describe'), context),
          options.metadataStyle,
        );
      case 'alive':
        // what KServe's server says to clients of V1, who ask no more of it
        return { status: 'alive' };
      case 'config':
        return config();
      case 'reload':
        return reload(request);
      default:
        return list();
    }
  }

  async function inference(
    request: JsonRequest,
    route: InferenceRoute,
    context: RequestContext,
  ): Promise<HttpAnswer> {
    const target = targetOf(route, context, 'infer');
    const { kind } = route;
    const { body, from, version, metadata } = await (kind === 'predict'
      ? predict(deps, target, request, context)
      : kind === 'explain'
        ? explain(deps, target, request, context)
        : infer(deps, kind, target, request, context));
    const headers = ['content-type', jsonType, 'x-served-by', from];
    if (version !== undefined) headers.push('x-model-version', String(version));
    addAnswerFields(headers, metadata, options.returnsHeader);
    return { status: 200, headers, body: { pieces: body, lent: true } };
  }

  return async (request, context) => {
    const { method, url } = request.head;
    const asked = method === 'POST' ? inferenceRoute(url) : undefined;
    if (asked !== undefined) {
      request.model = asked.model;
      return inference(request, asked, requestContextOf(context, asked.model, options.timeouts));
    }
    const route = routeOf(method, url);
    if ('model' in route) request.model = route.model;
    const by = 'model' in route ? requestContextOf(context, route.model, options.timeouts) : context;
    const body = `${JSON.stringify(await information(route, request, by), undefined, 1)}\n`;
    return { status: route.kind === 'reload' ? 201 : 200, headers: ['content-type', jsonType], body };
  };
}

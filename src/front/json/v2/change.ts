/**
 * What changes V2's servers, over REST: models are loaded and unloaded, trace and log settings read and set, at every
 * backend.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { getMetadata, type Metadata, type Method, type UnaryReply } from '../../../call/index.ts';
import {
  decodeMemoryStatus,
  decodeSettings,
  encodeMemoryRequest,
  encodeRepositoryChange,
  encodeSettings,
  exactJsonText,
  type ExactObject,
  memoryMethod,
  repositoryParametersIn,
  settingsIn,
  V2Body,
  type V2MemoryQuestion,
  type V2SettingKind,
} from '../../../codec/index.ts';
import { methodOf, wideFields } from '../../../models/index.ts';
import { timeoutOf } from '../../timeout.ts';
import { readBody } from '../body.ts';
import type { HttpAnswer } from '../json-handler.ts';
import type { JsonRequest } from '../json-request.ts';
import { limitsOf } from '../options.ts';
import { refusePages } from '../pages.ts';
import { callUnary, type RequestContext } from '../request-context.ts';
import type { V2Deps } from './deps.ts';
import type { V2Route } from './routes.ts';

const service = '/inference.GRPCInferenceService';
const methods = {
  load: methodOf(`${service}/RepositoryModelLoad`),
  unload: methodOf(`${service}/RepositoryModelUnload`),
  trace: methodOf(`${service}/TraceSetting`),
  logging: methodOf(`${service}/LogSettings`),
};

type ChangeRoute = Extract<V2Route, { kind: keyof typeof methods | 'memory' }>;

const methodFor = (route: ChangeRoute): Method =>
  route.kind === 'memory' ? methodOf(`${service}/${memoryMethod(route.asked)}`) : methods[route.kind];

/** What the answer says of the backends that were asked. */
export function addWideFields(headers: string[], metadata: Metadata): void {
  for (const name of Object.values(wideFields)) {
    const value = getMetadata(metadata, name);
    if (value !== undefined) headers.push(name, value);
  }
}

const answerOf = ({ from, metadata }: UnaryReply, body: string): HttpAnswer => {
  const headers = ['content-type', 'application/json', 'x-served-by', from];
  addWideFields(headers, metadata);
  return { status: 200, headers, body };
};

/** @throws StatusError INVALID_ARGUMENT for a member of another type */
function memoryRequest(asked: V2MemoryQuestion, body: ExactObject): Uint8Array {
  try {
    return encodeMemoryRequest(asked, body);
  } catch (reason) {
    const { message } = StatusError.from(reason);
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      message.replace(/^.*: /, 'the request about shared memory: '),
    );
  }
}

/** @throws StatusError PERMISSION_DENIED before the body is read, where the configuration does not allow it */
export async function change(
  deps: V2Deps,
  route: ChangeRoute,
  request: JsonRequest,
  context: RequestContext,
): Promise<HttpAnswer> {
  const { options } = deps;
  const method = methodFor(route);
  if (method.admin && !options.allowAdmin)
    throw new StatusError(
      Code.PERMISSION_DENIED,
      `${method.name} changes model servers: the gateway refuses it unless its configuration allows it (grpc.allowAdmin)`,
    );
  if (method.admin) refusePages(request, 'what changes model servers');
  const deadline = context.beganMs + timeoutOf(method, context.timeout, options.timeouts);
  const isPost = request.head.method === 'POST';
  const body = isPost
    ? await readBody(request, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps)
    : new Uint8Array(0);
  const send = (message: readonly Uint8Array[]): Promise<UnaryReply> =>
    callUnary(deps, method, undefined, message, { ...context, deadline });
  if (route.kind === 'load' || route.kind === 'unload') {
    const { model, repository } = route;
    const parameters = repositoryParametersIn(body);
    return answerOf(await send(encodeRepositoryChange({ repository, model, parameters })), '');
  }
  if (route.kind === 'memory') {
    const { region, asked } = route;
    const answer = await send([memoryRequest(asked, { ...settingsIn(body), name: region })]);
    return answerOf(
      answer,
      asked.action === 'status' ? exactJsonText(decodeMemoryStatus(asked, answer.bytes)) : '',
    );
  }
  const kind: V2SettingKind = route.kind;
  const model = 'model' in route ? route.model : '';
  const answer = await send([encodeSettings(kind, { model, settings: settingsIn(body) })]);
  return answerOf(answer, exactJsonText(decodeSettings(kind, answer.bytes).settings));
}

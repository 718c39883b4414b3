/**
 * Which call a URL means: the routes of TensorFlow Serving's REST API, OpenVINO Model Server's for its configuration,
 * and KServe's for explanations.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { statedVersion } from '../../../models/index.ts';

export interface InferenceRoute {
  readonly kind: 'predict' | 'classify' | 'regress' | 'explain';
  readonly model: string;
  readonly version?: bigint;
  readonly label?: string;
}

export type Route =
  | InferenceRoute
  | {
      readonly kind: 'status' | 'metadata';
      readonly model: string;
      /** Nothing but the model's name: the path that OpenAI's clients ask too. */
      readonly plain: boolean;
      readonly version?: bigint;
      readonly label?: string;
    }
  | { readonly kind: 'alive' | 'list' | 'config' | 'reload' };

const subject = String.raw`/v1/models/([^/:?]+)(?:/versions/([0-9]+)|/labels/([^/:?]+))?`;
const inference = new RegExp(`^${subject}:(classify|regress|predict|explain)$`);
const information = new RegExp(`^${subject}(/metadata)?$`);

/** int64: what a version can be. */
const maxVersion = 2n ** 63n - 1n;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // as it stands: no model has such a name
    return text;
  }
}

function target(match: RegExpExecArray): { model: string; version?: bigint; label?: string } {
  const [, name = '', versionText, labelText] = match;
  const model = decoded(name);
  if (labelText !== undefined) return { model, label: decoded(labelText) };
  if (versionText === undefined) return { model };
  const asked = versionText.length > 30 ? maxVersion + 1n : BigInt(versionText);
  if (asked > maxVersion)
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Failed to convert version: ${versionText.slice(0, 100)} to numeric.`,
    );
  const version = statedVersion(asked);
  return version === undefined ? { model } : { model, version };
}

const known: readonly (readonly [path: RegExp, methods: string])[] = [
  [inference, 'POST'],
  [information, 'GET'],
  [/^\/$/, 'GET'],
  [/^\/v1\/models$/, 'GET'],
  [/^\/v1\/config$/, 'GET'],
  [/^\/v1\/config\/reload$/, 'POST'],
];

/** Routes of URLs that were asked before: clients ask few different ones. */
const routes = new Map<string, InferenceRoute>();
const maxRoutes = 1000;
/** Longer ones are not remembered. */
const maxUrlBytes = 300;

function parseInference(path: string): InferenceRoute | undefined {
  const match = inference.exec(path);
  if (match === null) return undefined;
  return { kind: match[4] as InferenceRoute['kind'], ...target(match) };
}

/**
 * The route of a POST, when it is an inference.
 * @throws StatusError INVALID_ARGUMENT for a version that is no int64
 */
export function inferenceRoute(url: string): InferenceRoute | undefined {
  const known = routes.get(url);
  if (known !== undefined) return known;
  const mark = url.indexOf('?');
  const route = parseInference(mark === -1 ? url : url.slice(0, mark));
  if (route === undefined || url.length > maxUrlBytes) return route;
  // clients choose URLs, so the memory of them is bounded
  if (routes.size >= maxRoutes) routes.clear();
  routes.set(url, route);
  return route;
}

/**
 * @param url path and query as the client sent them; a query is allowed and not looked at
 * @throws StatusError INVALID_ARGUMENT "Malformed request", with what would work when that is plain
 */
export function routeOf(method: string, url: string): Route {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  if (method === 'POST') {
    const route = parseInference(path);
    if (route !== undefined) return route;
    if (path === '/v1/config/reload') return { kind: 'reload' };
  }
  if (method === 'GET' || method === 'HEAD') {
    if (path === '/') return { kind: 'alive' };
    if (path === '/v1/models') return { kind: 'list' };
    if (path === '/v1/config') return { kind: 'config' };
    const match = information.exec(path);
    if (match !== null) {
      const plain = match[2] === undefined && match[3] === undefined && match[4] === undefined;
      return { kind: match[4] === undefined ? 'status' : 'metadata', plain, ...target(match) };
    }
  }
  const rule = known.find(([pattern]) => pattern.test(path));
  const hint = rule === undefined ? '' : ` (this path takes ${rule[1]})`;
  throw new StatusError(Code.INVALID_ARGUMENT, `Malformed request: ${method} ${url.slice(0, 500)}${hint}`);
}

/** Which call a URL of the V2 REST API means (Open Inference Protocol, and Triton's extensions: repository index, generate, configuration, statistics; MLServer's infer_stream). */
import { Code, StatusError } from '../../call/index.ts';

export type V2Route =
  | { readonly kind: 'server' | 'live' | 'ready' | 'index' | 'all-stats' }
  | {
      readonly kind:
        | 'model'
        | 'model-ready'
        | 'infer'
        | 'infer-stream'
        | 'generate'
        | 'generate-stream'
        | 'config'
        | 'stats';
      readonly model: string;
      readonly version: string;
    };

const modelPath =
  /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer|infer_stream|generate|generate_stream|config|stats))?$/;
const kinds = {
  ready: 'model-ready',
  infer: 'infer',
  infer_stream: 'infer-stream',
  generate: 'generate',
  generate_stream: 'generate-stream',
  config: 'config',
  stats: 'stats',
} as const;
/** What is sent a body. */
const posted: ReadonlySet<V2Route['kind']> = new Set([
  'infer',
  'infer-stream',
  'generate',
  'generate-stream',
  'index',
]);
const fixed: ReadonlyMap<string, 'server' | 'live' | 'ready' | 'all-stats'> = new Map([
  ['/v2', 'server'],
  ['/v2/', 'server'],
  ['/v2/health/live', 'live'],
  ['/v2/health/ready', 'ready'],
  // of all models, as Triton has it: no model of this name can be asked for its metadata
  ['/v2/models/stats', 'all-stats'],
]);
const indexPath = '/v2/repository/index';

/** Triton's extensions that are about one server or its machine, and not about the fleet that answers here. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [
    /^\/v2\/(system|cuda)sharedmemory(\/|$)/,
    'shared memory is of one machine, and a call may go to any backend',
  ],
  [
    /^\/v2\/(logging|(models\/[^/]+\/)?trace\/setting)$/,
    'it changes one server, which has to be asked itself',
  ],
  [
    /^\/v2\/repository\/(.+\/)?models\/[^/]+\/(un)?load$/,
    'it changes a server; over gRPC it passes with grpc.allowAdmin',
  ],
];

/** True for every path of this API, known or not. */
export function isV2(url: string): boolean {
  return url.startsWith('/v2') && (url.length === 3 || url[3] === '/' || url[3] === '?');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // as it stands: no model has such a name
    return text;
  }
}

/** @throws StatusError NOT_FOUND for a path that this API does not have, or another method than it takes */
export function v2RouteOf(method: string, url: string): V2Route {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const post = method === 'POST';
  const kind = fixed.get(path);
  if (kind !== undefined && !post) return { kind };
  if (path === indexPath && post) return { kind: 'index' };
  const match = modelPath.exec(path);
  if (match !== null) {
    const found = match[3] === undefined ? 'model' : kinds[match[3] as keyof typeof kinds];
    if (post === posted.has(found))
      return { kind: found, model: decoded(match[1] as string), version: decoded(match[2] ?? '') };
  }
  for (const [refused, why] of refusals)
    if (refused.test(path))
      throw new StatusError(Code.UNIMPLEMENTED, `${path.slice(0, 500)} is not served here: ${why}`);
  const wanted =
    path === indexPath || /\/(infer|infer_stream|generate|generate_stream)$/.test(path) ? 'POST' : 'GET';
  const known = kind !== undefined || path === indexPath || match !== null;
  throw new StatusError(
    Code.NOT_FOUND,
    `${method} ${path.slice(0, 500)} is not of the V2 API${known ? ` (this path takes ${wanted})` : ''}`,
  );
}

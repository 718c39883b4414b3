/** Which call a URL of the V2 REST API means (Open Inference Protocol, and Triton's extensions: repository index, generate). */
import { Code, StatusError } from '../../call/index.ts';

export type V2Route =
  | { readonly kind: 'server' | 'live' | 'ready' | 'index' }
  | {
      readonly kind: 'model' | 'model-ready' | 'infer' | 'generate' | 'generate-stream';
      readonly model: string;
      readonly version: string;
    };

const modelPath =
  /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer|generate|generate_stream))?$/;
const kinds = {
  ready: 'model-ready',
  infer: 'infer',
  generate: 'generate',
  generate_stream: 'generate-stream',
} as const;
/** What is sent a body. */
const posted: ReadonlySet<V2Route['kind']> = new Set(['infer', 'generate', 'generate-stream', 'index']);
const fixed: ReadonlyMap<string, 'server' | 'live' | 'ready'> = new Map([
  ['/v2', 'server'],
  ['/v2/', 'server'],
  ['/v2/health/live', 'live'],
  ['/v2/health/ready', 'ready'],
]);
const indexPath = '/v2/repository/index';

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
  const wanted = path === indexPath || /\/(infer|generate|generate_stream)$/.test(path) ? 'POST' : 'GET';
  const known = kind !== undefined || path === indexPath || match !== null;
  throw new StatusError(
    Code.NOT_FOUND,
    `${method} ${path.slice(0, 500)} is not of the V2 API${known ? ` (this path takes ${wanted})` : ''}`,
  );
}

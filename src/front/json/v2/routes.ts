/**
 * Which call a URL of the V2 REST API means (Open Inference Protocol, and Triton's extensions: repository index,
 * generate, configuration, statistics; MLServer's infer_stream).
 */
import { Code, StatusError } from '../../../base/status.ts';
import type { V2MemoryQuestion } from '../../../codec/index.ts';

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
    }
  | { readonly kind: 'load' | 'unload'; readonly model: string; readonly repository: string }
  /** Without a model, the servers' own. */
  | { readonly kind: 'trace'; readonly model: string }
  | { readonly kind: 'logging' }
  /** Without a region, all of them. */
  | ({ readonly kind: 'memory'; readonly region: string } & { readonly asked: V2MemoryQuestion });

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
const posted: ReadonlySet<string> = new Set([
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

const changePath = /^\/v2\/repository\/(?:([^/]+)\/)?models\/([^/]+)\/(load|unload)$/;
const tracePath = /^\/v2\/(?:models\/([^/]+)\/)?trace\/setting$/;
const loggingPath = '/v2/logging';

const memoryPath = /^\/v2\/(system|cuda)sharedmemory(?:\/region\/([^/]+))?\/(status|register|unregister)$/;

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
  const get = method === 'GET' || method === 'HEAD';
  const kind = fixed.get(path);
  if (kind !== undefined && get) return { kind };
  if (path === indexPath && post) return { kind: 'index' };
  const match = modelPath.exec(path);
  if (match !== null) {
    const found = match[3] === undefined ? 'model' : kinds[match[3] as keyof typeof kinds];
    if (posted.has(found) ? post : get)
      return { kind: found, model: decoded(match[1] as string), version: decoded(match[2] ?? '') };
  }
  const change = changePath.exec(path);
  if (change !== null && post)
    return {
      kind: change[3] as 'load' | 'unload',
      model: decoded(change[2] as string),
      repository: decoded(change[1] ?? ''),
    };
  const trace = tracePath.exec(path);
  if (trace !== null) return { kind: 'trace', model: decoded(trace[1] ?? '') };
  if (path === loggingPath) return { kind: 'logging' };
  const memory = memoryPath.exec(path);
  if (memory !== null && post === (memory[3] !== 'status'))
    return {
      kind: 'memory',
      region: decoded(memory[2] ?? ''),
      asked: {
        kind: memory[1] as V2MemoryQuestion['kind'],
        action: memory[3] as V2MemoryQuestion['action'],
      },
    };
  const wanted =
    path === indexPath ||
    /\/(infer|infer_stream|generate|generate_stream|load|unload|register|unregister)$/.test(path)
      ? 'POST'
      : 'GET';
  const known =
    kind !== undefined || path === indexPath || match !== null || change !== null || memory !== null;
  throw new StatusError(
    Code.NOT_FOUND,
    `${method} ${path.slice(0, 500)} is not of the V2 API${known ? ` (this path takes ${wanted})` : ''}`,
  );
}

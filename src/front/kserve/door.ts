/** The V2 REST door: KServe's Open Inference Protocol over HTTP. Each route is the gRPC call of the same meaning. */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code, StatusError, type Target } from '../../call/index.ts';
import {
  decodeFlagResponse,
  decodeModelMetadataResponse,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
  encodeModelVersionRequest,
  errorBody,
  specOfV2,
  versionTextOf,
} from '../../codec/index.ts';
import { methodOf, specOf, targetOf } from '../../models/index.ts';
import type { Cors } from '../cors.ts';
import { acceptsGzip, writeAnswer, writeWhole } from '../rest/answer.ts';
import { askerOf } from '../rest/asker.ts';
import type { RestDeps } from '../rest/door.ts';
import { ask, type Asker } from '../rest/infer.ts';
import { statusFor } from '../rest/inference.ts';
import { infer } from './infer.ts';
import { isV2, type V2Route, v2RouteOf } from './routes.ts';

export type V2Deps = Pick<RestDeps, 'handler' | 'options' | 'clock' | 'observer' | 'nextId' | 'route'> & {
  readonly cors: Cors;
};

export interface V2Door {
  /** False for a request that is not of this API. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

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

/** What is answered: JSON, or with undefined a status alone. */
interface Answer {
  readonly status: number;
  readonly json: object | undefined;
}

export function createV2Door(deps: V2Deps): V2Door {
  const { options, cors } = deps;

  function target(
    { model, version }: { readonly model: string; readonly version: string },
    { metadata }: Asker,
    purpose: 'infer' | 'describe',
  ): Target {
    return deps.route(targetOf(specOfV2(model, version)), { metadata, purpose });
  }

  async function question(
    method: (typeof methods)[keyof typeof methods],
    asked: Target | undefined,
    asker: Asker,
  ): Promise<Uint8Array> {
    const message =
      asked === undefined ? nothing : [encodeModelVersionRequest(asked.model, versionTextOf(specOf(asked)))];
    return (await ask(deps, method, asked, message, asker)).bytes;
  }

  async function information(route: Exclude<V2Route, { kind: 'infer' }>, asker: Asker): Promise<Answer> {
    switch (route.kind) {
      case 'live':
      case 'ready': {
        const flag = decodeFlagResponse(await question(methods[route.kind], undefined, asker));
        return { status: flag ? 200 : 503, json: undefined };
      }
      case 'server':
        return {
          status: 200,
          json: decodeServerMetadataResponse(await question(methods.server, undefined, asker)),
        };
      case 'index':
        return {
          status: 200,
          json: decodeRepositoryIndexResponse(await question(methods.index, undefined, asker)),
        };
      case 'model-ready': {
        const asked = target(route, asker, 'describe');
        if (decodeFlagResponse(await question(methods.modelReady, asked, asker)))
          return { status: 200, json: undefined };
        throw new StatusError(Code.NOT_FOUND, `model ${route.model.slice(0, 200)} is not ready`);
      }
      default: {
        const asked = target(route, asker, 'describe');
        return {
          status: 200,
          json: decodeModelMetadataResponse(await question(methods.model, asked, asker)),
        };
      }
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' ? given : deps.nextId();
    const headers = ['x-request-id', id];
    for (const [name, value] of cors.headers(request.headers.origin)) headers.push(name, value);
    try {
      const route = v2RouteOf(request.method ?? '', request.url ?? '');
      const asker = askerOf(request, response, id, deps.clock, options.timeoutMs);
      if (route.kind !== 'infer') {
        const { status, json } = await information(route, asker);
        if (json !== undefined) headers.push('content-type', 'application/json');
        writeWhole(response, status, headers, Buffer.from(json === undefined ? '' : JSON.stringify(json)));
        return;
      }
      const { body, from, version } = await infer(deps, target(route, asker, 'infer'), request, asker);
      const { pieces, headerBytes } = body;
      headers.push(
        'content-type',
        headerBytes === undefined ? 'application/json' : 'application/octet-stream',
      );
      if (headerBytes !== undefined) headers.push('inference-header-content-length', String(headerBytes));
      headers.push('x-served-by', from);
      if (version !== '') headers.push('x-model-version', version);
      const gzipMinBytes = acceptsGzip(request) ? options.gzipMinBytes : Number.POSITIVE_INFINITY;
      await writeAnswer(response, 200, headers, buffersOf(pieces), gzipMinBytes);
    } catch (reason) {
      const error = StatusError.from(reason);
      // nothing can be said any more once an answer has begun
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const status = statusFor(error);
      if (status === 413) deps.observer.limited('body');
      // what is left of the body is not read: the connection cannot be used again
      if (!request.complete) headers.push('connection', 'close');
      writeWhole(
        response,
        status,
        [...headers, 'content-type', 'application/json'],
        Buffer.from(errorBody(error.message)),
      );
    }
  }

  return {
    handle(request, response) {
      if (!isV2(request.url ?? '')) return false;
      if (request.method === 'OPTIONS') {
        const { origin, ...headers } = request.headers;
        const fields = cors.preflight(
          origin,
          headers['access-control-request-method'],
          headers['access-control-request-headers'],
        );
        writeWhole(response, 200, fields.flat(), Buffer.alloc(0));
        return true;
      }
      void answer(request, response);
      return true;
    },
  };
}

function* buffersOf(pieces: readonly Uint8Array[]): Generator<Buffer, undefined, undefined> {
  for (const piece of pieces) yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
}

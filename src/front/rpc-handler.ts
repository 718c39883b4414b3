/** The door for RPCs: native gRPC and gRPC-Web, told apart by content type, on streams of HTTP/2 and HTTP/1.1. */
import { allMetadata, getMetadata, type Refused } from '../call/index.ts';
import type { Headers, ServerStream, StreamEvents } from '../wire/index.ts';
import type { Cors } from './cors.ts';
import { serveWeb } from './grpc-web/index.ts';
import { GrpcServerCall, looksLikeRpc, type RpcDeps, type RpcHead, rpcHead } from './grpc/index.ts';
import { type Answer, answerStream, type OpenStream } from './listener/index.ts';

export interface RpcHandlerDeps extends RpcDeps {
  readonly cors: Cors;
  readonly refused: Refused;
}

/** @returns undefined for a request that is no RPC and belongs to another door */
export function createRpcHandler(deps: RpcHandlerDeps): OpenStream {
  const { cors } = deps;

  /** What is said to a request that is no call; undefined when it is meant as none. */
  function refusalOf(head: RpcHead | undefined, fields: Headers): Omit<Answer, 'id'> | undefined {
    const path = getMetadata(fields, ':path') ?? '';
    if (head === undefined && !looksLikeRpc(path)) return undefined;
    const method = getMetadata(fields, ':method');
    const origin = allMetadata(fields, 'origin');
    if (method === 'OPTIONS') {
      const requested = getMetadata(fields, 'access-control-request-headers');
      const headers = cors.preflight(origin, getMetadata(fields, 'access-control-request-method'), requested);
      return { status: 204, headers, text: '' };
    }
    const refuse = (
      status: number,
      text: string,
      more: readonly (readonly [string, string])[] = [],
    ): Omit<Answer, 'id'> => ({
      status,
      headers: [...cors.headers(origin), ...more],
      text: `${text}\n`,
    });
    if (method !== 'POST') return refuse(405, `${path} is an RPC: POST it`, [['allow', 'POST, OPTIONS']]);
    if (head === undefined) {
      return refuse(
        415,
        `${path} is an RPC: its content-type must be application/grpc or application/grpc-web(-text)`,
      );
    }
    return refuse(415, 'application/grpc needs HTTP/2; over HTTP/1.1 use application/grpc-web');
  }

  function open(stream: ServerStream, head: RpcHead, peer: string): StreamEvents {
    if (head.protocol === 'grpc') return begin(stream, stream, head, peer);
    const openInner = (inner: ServerStream): GrpcServerCall => begin(inner, stream, head, peer);
    return serveWeb(stream, head, cors.headers, { open: openInner, memory: deps.memory });
  }

  /** @param inner the stream as gRPC has it, of a web one */
  function begin(inner: ServerStream, stream: ServerStream, head: RpcHead, peer: string): GrpcServerCall {
    const call = new GrpcServerCall(inner, head, deps, head.protocol === 'grpc' ? 'gRPC' : 'gRPC-Web', peer);
    if (deps.memory.lacksRoomFor(stream)) call.evict(deps.memory.refusal());
    else call.begin();
    return call;
  }

  return (stream, fields, peer, http2) => {
    const head = rpcHead(fields);
    if (head?.isPosted === true && (http2 || head.protocol !== 'grpc')) return open(stream, head, peer);
    const answer = refusalOf(head, fields);
    if (answer === undefined) return undefined;
    const id = deps.refused({
      status: answer.status,
      message: answer.text.trimEnd(),
      peer,
      via: head?.protocol === 'grpc' ? 'gRPC' : 'gRPC-Web',
      method: getMetadata(fields, ':method'),
      path: getMetadata(fields, ':path'),
      id: allMetadata(fields, 'x-request-id'),
    });
    return answerStream(stream, { ...answer, id });
  };
}

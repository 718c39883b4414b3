/** The door for RPCs: native gRPC and gRPC-Web, told apart by content type, on streams of HTTP/2 and HTTP/1.1. */
import { allMetadata, getMetadata, type Refused } from '../call/index.ts';
import type { Headers, ServerStream, StreamEvents } from '../wire/index.ts';
import type { Cors } from './cors.ts';
import { type Answer, answerStream } from './early-answer.ts';
import type { RpcDeps } from './grpc/deps.ts';
import { Exchange } from './grpc/exchange.ts';
import { looksLikeRpc, type RpcHead, rpcHead } from './grpc/head.ts';
import type { OpenStream } from './listen.ts';
import { serveWeb } from './web/index.ts';

export interface RpcDoorDeps extends RpcDeps {
  readonly cors: Cors;
  readonly refused: Refused;
}

/** What a request is, before any of it is read. */
type Verdict = { head: RpcHead } | { answer: Omit<Answer, 'id'> } | undefined;

/** @returns undefined for a request that is no RPC and belongs to another door */
export function createRpcDoor(deps: RpcDoorDeps): OpenStream {
  const { cors } = deps;

  function judge(fields: Headers, http2: boolean): Verdict {
    const head = rpcHead(fields);
    const path = getMetadata(fields, ':path') ?? '';
    if (head === undefined && !looksLikeRpc(path)) return undefined;
    const method = getMetadata(fields, ':method');
    const origin = allMetadata(fields, 'origin');
    if (method === 'OPTIONS') {
      const requested = getMetadata(fields, 'access-control-request-headers');
      const headers = cors.preflight(origin, getMetadata(fields, 'access-control-request-method'), requested);
      return { answer: { status: 204, headers, text: '' } };
    }
    const refuse = (
      status: number,
      text: string,
      more: readonly (readonly [string, string])[] = [],
    ): Verdict => ({
      answer: { status, headers: [...cors.headers(origin), ...more], text: `${text}\n` },
    });
    if (method !== 'POST') return refuse(405, `${path} is an RPC: POST it`, [['allow', 'POST, OPTIONS']]);
    if (head === undefined) {
      return refuse(
        415,
        `${path} is an RPC: its content-type must be application/grpc or application/grpc-web(-text)`,
      );
    }
    if (head.protocol === 'grpc' && !http2) {
      return refuse(415, 'application/grpc needs HTTP/2; over HTTP/1.1 use application/grpc-web');
    }
    return { head };
  }

  function open(stream: ServerStream, head: RpcHead, peer: string): StreamEvents {
    const web = head.protocol !== 'grpc';
    const begin = (inner: ServerStream): Exchange => {
      const exchange = new Exchange(inner, head, deps, web ? 'gRPC-Web' : 'gRPC', peer);
      if (deps.memory.lacksRoomFor(stream)) exchange.letGo(deps.memory.refusal());
      else exchange.begin();
      return exchange;
    };
    return web ? serveWeb(stream, head, cors.headers, { open: begin, memory: deps.memory }) : begin(stream);
  }

  return (stream, fields, peer, http2) => {
    const verdict = judge(fields, http2);
    if (verdict === undefined) return undefined;
    if ('head' in verdict) return open(stream, verdict.head, peer);
    const { answer } = verdict;
    const id = deps.refused({
      status: answer.status,
      message: answer.text.trimEnd(),
      peer,
      via: rpcHead(fields)?.protocol === 'grpc' ? 'gRPC' : 'gRPC-Web',
      method: getMetadata(fields, ':method'),
      path: getMetadata(fields, ':path'),
      id: allMetadata(fields, 'x-request-id'),
    });
    return answerStream(stream, { ...answer, id });
  };
}

/**
 * The dashboard's files: from memory, revalidated by etag, under a policy that lets the page talk to the gateway
 * only.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PageFile, ClientListener } from './view.ts';

/** A host as browsers send it; what is stranger is not echoed. */
const plainHost = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$/i;

/** Where a page that came from this host finds the gateway's REST and gRPC-Web door. */
export function webUrl(door: ClientListener, host: string | undefined): string {
  if (door.url !== undefined) return door.url;
  const name = plainHost.exec(host ?? '')?.[1] ?? 'localhost';
  return `${door.tls ? 'https' : 'http'}://${name}:${door.port}`;
}

function policy(connect: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    `connect-src 'self' ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * Sends a dashboard file with its ETag and a Content-Security-Policy, gzip-coded where Accept-Encoding has it; 304
 * without a body when If-None-Match is that ETag (RFC 9110 §13.1.2).
 */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, body, gzip, etag }: PageFile,
  door: ClientListener,
): FastifyReply {
  void reply
    .header('cache-control', 'no-cache')
    .header('content-security-policy', policy(new URL(webUrl(door, request.headers.host)).origin))
    .header('cross-origin-opener-policy', 'same-origin')
    .header('referrer-policy', 'no-referrer')
    .header('vary', 'accept, accept-encoding')
    .header('etag', etag);
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  void reply.type(type);
  if (!/\bgzip\b(?!;q=0)/i.test(request.headers['accept-encoding'] ?? '')) return reply.send(body);
  return reply.header('content-encoding', 'gzip').send(gzip);
}

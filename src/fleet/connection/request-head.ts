/**
 * The header lists of requests to one backend, the same object for the same metadata, so that they are encoded once.
 */
import { markReused, isReused } from '../../base/identity-memo.ts';
import type { Metadata, Method } from '../../call/index.ts';
import type { Headers } from '../../wire/index.ts';

/**
 * Builds the request header list of a call (gRPC's PROTOCOL-HTTP2.md, Request-Headers), and caches it for metadata
 * lists that are marked as reused.
 */
export class RequestHeads {
  readonly #scheme: string;
  readonly #authority: string;
  readonly #known = new WeakMap<Metadata, { method: Method; headers: Headers }>();

  constructor(authority: string, tls: boolean) {
    this.#authority = authority;
    this.#scheme = tls ? 'https' : 'http';
  }

  /** A client's header block names its method, so one metadata list goes with one method nearly always. */
  of(method: Method, metadata: Metadata): Headers {
    const known = this.#known.get(metadata);
    if (known?.method === method) return known.headers;
    const headers = this.#build(method, metadata);
    if (!isReused(metadata)) return headers;
    this.#known.set(metadata, { method, headers });
    return markReused(headers);
  }

  #build(method: Method, metadata: Metadata): Headers {
    const headers = [
      ':method',
      'POST',
      ':scheme',
      this.#scheme,
      ':path',
      method.path,
      ':authority',
      this.#authority,
    ];
    let hasType = false;
    for (let i = 0; i < metadata.length; i += 2) {
      const name = metadata[i] as string;
      hasType ||= name === 'content-type';
      headers.push(name, metadata[i + 1] as string);
    }
    if (!hasType) headers.push('content-type', 'application/grpc');
    // gRPC servers on the C core refuse calls without it
    headers.push('te', 'trailers');
    return headers;
  }
}

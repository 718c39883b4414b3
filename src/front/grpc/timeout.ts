/** How long a call may take: as its client asks, or as the configuration says. */
import { getMetadata, type Metadata, never, parseTimeout } from '../../call/index.ts';
import type { RpcHead } from './head.ts';

export interface TimeoutOptions {
  /** For calls of known services without grpc-timeout, in ms; Infinity for none. */
  readonly defaultTimeoutMs: number;
  /** No call may ask for more, in ms. */
  readonly maxTimeoutMs: number;
}

/**
 * In ms. What a service that the gateway does not know takes is not the gateway's to say: only its clients set a deadline.
 * @throws StatusError INTERNAL for a grpc-timeout that is none
 */
export function timeoutOf({ method, timeout }: RpcHead, varying: Metadata, options: TimeoutOptions): number {
  const asked = timeout ?? getMetadata(varying, 'grpc-timeout');
  if (asked !== undefined) return Math.min(parseTimeout(asked), options.maxTimeoutMs);
  return method.api === 'other' ? never : Math.min(options.defaultTimeoutMs, options.maxTimeoutMs);
}

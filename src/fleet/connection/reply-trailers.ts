/** Makes one clear status of what a backend's trailers say. */
import { memoizeByIdentity } from '../../base/identity-memo.ts';
import { Code } from '../../base/status.ts';
import { cutGrpcMessage, getMetadata, type Metadata } from '../../call/index.ts';
import type { Headers } from '../../wire/index.ts';

/**
 * As gRPC clients read them: a missing or unreadable status is UNKNOWN, of several the last one counts ("03" is 3),
 * and a message with status 0 says nothing. One status goes on, so that nobody behind reads another one.
 */
export function normalTrailers(fields: Metadata): Metadata {
  let said: string | undefined;
  let count = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'grpc-status') continue;
    said = fields[i + 1];
    count++;
  }
  const status =
    said !== undefined && /^[0-9]{1,4}$/.test(said) ? String(Number(said)) : String(Code.UNKNOWN);
  const message = getMetadata(fields, 'grpc-message');
  const silent = status === '0' && message !== undefined;
  const cut = message === undefined ? undefined : cutGrpcMessage(message);
  if (count === 1 && status === said && !silent && cut === message) return fields;
  if (said === undefined)
    return [...fields, 'grpc-status', status, 'grpc-message', 'the backend ended the call without a status'];
  const kept = ['grpc-status', status];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'grpc-status' || (silent && name === 'grpc-message')) continue;
    kept.push(
      name,
      name === 'grpc-message' ? cutGrpcMessage(fields[i + 1] as string) : (fields[i + 1] as string),
    );
  }
  return kept;
}

/** As normalTrailers, once for each list that recurs. */
export const trailersFrom: (fields: Headers) => Metadata = memoizeByIdentity(normalTrailers);

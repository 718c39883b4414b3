/** grpc.reflection.v1 and v1alpha, which share their messages (reflection.proto of grpc/grpc-proto). */
import { Reader, wire } from './reader.ts';
import { Writer } from './writer.ts';

/** What a ServerReflectionRequest asks; `bytes` is the request itself, which every answer repeats. */
export interface ReflectionRequest {
  readonly bytes: Uint8Array;
  readonly host: string;
  readonly ask:
    | { readonly kind: 'file-by-name'; readonly name: string }
    | { readonly kind: 'file-containing-symbol'; readonly symbol: string }
    | { readonly kind: 'file-containing-extension'; readonly type: string; readonly number: number }
    | { readonly kind: 'extension-numbers'; readonly type: string }
    | { readonly kind: 'list-services' }
    | { readonly kind: 'none' };
}

export type ReflectionAnswer =
  | { readonly kind: 'files'; readonly descriptors: readonly Uint8Array[] }
  | { readonly kind: 'services'; readonly names: readonly string[] }
  | { readonly kind: 'extension-numbers'; readonly type: string; readonly numbers: readonly number[] }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

function readExtension(reader: Reader): { type: string; number: number } {
  let type = '';
  let number = 0;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) type = reader.string();
    else if (reader.is(2, wire.varint)) number = reader.int32();
    else reader.skip();
  }
  return { type, number };
}

/**
 * Decodes a ServerReflectionRequest (reflection.proto); of several message_request fields the last one counts.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeReflectionRequest(bytes: Uint8Array): ReflectionRequest {
  const reader = new Reader(bytes);
  let host = '';
  let ask: ReflectionRequest['ask'] = { kind: 'none' };
  while (reader.next()) {
    if (reader.type !== wire.bytes) reader.skip();
    else if (reader.field === 1) host = reader.string();
    else if (reader.field === 3) ask = { kind: 'file-by-name', name: reader.string() };
    else if (reader.field === 4) ask = { kind: 'file-containing-symbol', symbol: reader.string() };
    else if (reader.field === 5)
      ask = { kind: 'file-containing-extension', ...readExtension(reader.message()) };
    else if (reader.field === 6) ask = { kind: 'extension-numbers', type: reader.string() };
    else if (reader.field === 7) {
      reader.skip();
      ask = { kind: 'list-services' };
    } else reader.skip();
  }
  return { bytes, host, ask };
}

/**
 * Encodes a ServerReflectionResponse (reflection.proto) with valid_host and original_request from the request.
 */
export function encodeReflectionResponse(request: ReflectionRequest, answer: ReflectionAnswer): Uint8Array {
  const writer = new Writer().string(1, request.host).bytes(2, request.bytes);
  const inner = new Writer();
  switch (answer.kind) {
    case 'files':
      for (const descriptor of answer.descriptors) inner.bytes(1, descriptor);
      return writer.message(4, inner).finish();
    case 'extension-numbers':
      inner.string(1, answer.type);
      for (const number of answer.numbers) inner.int32(2, number);
      return writer.message(5, inner).finish();
    case 'services':
      for (const name of answer.names) inner.message(1, new Writer().string(1, name));
      return writer.message(6, inner).finish();
    case 'error':
      return writer.message(7, inner.int32(1, answer.code).string(2, answer.message)).finish();
  }
}

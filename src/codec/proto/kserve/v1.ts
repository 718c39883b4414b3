/** A V1 prediction between the gateway's own ends: a model's name where V2's messages have it, and JSON that is not read. */
import type { Pieces } from '../../pieces.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

export function encodeV1Predict(model: string, body: Uint8Array): Uint8Array[] {
  const head = new Writer().string(1, model).tag(bodyField, wire.bytes).varint(body.length);
  return [head.finish(), body];
}

/** Where V2's messages have the tensors; 2 is the version. */
const bodyField = 5;

export function decodeV1Predict(message: Uint8Array): { readonly model: string; readonly body: Pieces } {
  const reader = new Reader(message);
  let model = '';
  let body: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) model = reader.string();
    else if (reader.is(bodyField, wire.bytes)) body = reader.slice();
    else reader.skip();
  }
  return { model, body: [body] };
}

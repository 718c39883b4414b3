/**
 * A body of HTTP as a message between the gateway's own ends, a REST door and a backend over REST: bytes that nobody
 * in between reads.
 */
import { type Chunks, chunksLength } from '../../tensor-chunks.ts';
import { PieceReader } from '../piece-reader.ts';
import { wire } from '../reader.ts';
import { Writer } from '../writer.ts';

export interface HttpBody {
  /** Empty where the call says it. */
  readonly model: string;
  /** How long the JSON at its front is, in bytes; undefined when it is all there is. */
  readonly headerBytes: number | undefined;
  readonly body: Chunks;
}

/** Where V2's messages have the model's name, and the tensors; 2 is the version there. */
const modelField = 1;
const headerField = 3;
const bodyField = 5;

/** More than what stands before a body in such a message. */
export const maxHttpHeadBytes = 65_536;

/**
 * Wraps an HTTP body in a protobuf message, as chunks: model in field 1, header length in 3, body in 5. The
 * body's chunks are passed on without a copy.
 */
export function encodeHttpBody({ model, headerBytes, body }: HttpBody): Uint8Array[] {
  const head = new Writer();
  if (model !== '') head.string(modelField, model);
  if (headerBytes !== undefined) head.tag(headerField, wire.varint).varint(headerBytes);
  return [head.tag(bodyField, wire.bytes).varint(chunksLength(body)).finish(), ...body];
}

/** @param message its body comes out as views on it */
export function decodeHttpBody(message: Chunks): HttpBody {
  const reader = new PieceReader(message);
  let model = '';
  let headerBytes: number | undefined;
  let body: Chunks = [];
  while (reader.next()) {
    if (reader.is(modelField, wire.bytes)) model = reader.string();
    else if (reader.is(headerField, wire.varint)) headerBytes = Number(reader.uint64());
    else if (reader.is(bodyField, wire.bytes)) body = reader.pieces();
    else reader.skip();
  }
  return { model, headerBytes, body };
}

/** Base64 as gRPC-Web's text mode writes it: any number of padded pieces in a row, cut anywhere. */
import { Code, StatusError } from '../../base/status.ts';

const invalid = /[^A-Za-z0-9+/=]/;
const newlines = /[\r\n]/g;

/** Decodes a stream of base64 text; padding may come at the end of any group of four, not only at the very end. */
export class Base64Decoder {
  /** Up to three characters that do not make a group yet. */
  #rest = '';

  /** @throws StatusError INVALID_ARGUMENT for a character or a padding that base64 does not have */
  push(chunk: Uint8Array): Uint8Array {
    const text =
      this.#rest +
      Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1').replace(newlines, '');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    const groups = text.slice(0, whole);
    if (invalid.test(text))
      throw new StatusError(Code.INVALID_ARGUMENT, 'the request body is no valid base64');
    const firstPad = groups.indexOf('=');
    if (firstPad === -1) return Buffer.from(groups, 'base64');
    return Buffer.concat(splitAtPadding(groups).map((piece) => Buffer.from(piece, 'base64')));
  }

  /** @throws StatusError INVALID_ARGUMENT when the text ends inside a group */
  finish(): void {
    if (this.#rest !== '') {
      throw new StatusError(Code.INVALID_ARGUMENT, 'the request body ends inside a base64 group of four');
    }
  }
}

/** Pieces that each end with the group that has the padding. */
function splitAtPadding(groups: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (from < groups.length) {
    const pad = groups.indexOf('=', from);
    if (pad === -1) {
      pieces.push(groups.slice(from));
      break;
    }
    const end = pad - (pad % 4) + 4;
    const group = groups.slice(end - 4, end);
    if (!/^[^=]{2}(==|[^=]=)$/.test(group)) {
      throw new StatusError(Code.INVALID_ARGUMENT, 'the request body has base64 padding in the wrong place');
    }
    pieces.push(groups.slice(from, end));
    from = end;
  }
  return pieces;
}

/** Bytes that become one piece of text: a multiple of 3, so that no piece but the last is padded. */
const pieceBytes = 49_152;

const encode = (bytes: Buffer): Uint8Array => Buffer.from(bytes.toString('base64'), 'latin1');

/**
 * One complete frame as base64 of its own, padded: clients decode whole groups of four as they come.
 * In pieces, since a frame may be longer than the longest string (512 MiB) is as base64.
 */
export function encodeBase64(parts: readonly Uint8Array[]): Iterable<Uint8Array> {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  if (bytes > pieceBytes) return longText(parts);
  const all = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  return [encode(Buffer.from(all.buffer, all.byteOffset, all.length))];
}

function* longText(parts: readonly Uint8Array[]): Generator<Uint8Array, void, undefined> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let at = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length;) {
      const taken = Math.min(pieceBytes - at, part.length - from);
      piece.set(part.subarray(from, from + taken), at);
      from += taken;
      at += taken;
      if (at < pieceBytes) continue;
      yield encode(piece);
      at = 0;
    }
  }
  if (at > 0) yield encode(piece.subarray(0, at));
}

/** The contents of JSON strings as bytes: escapes resolved, everything else as it came. */
import { Buffer } from 'node:buffer';
import { invalid, type Scanner } from './scanner.ts';

const simple: Readonly<Record<number, number>> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9 };

/** The bytes of a string that scanner.string() has passed over; a view on the text when there is no escape in it. */
export function stringBytes(
  scanner: Scanner,
  { from, to, escaped }: { from: number; to: number; escaped: boolean },
): Uint8Array {
  const { bytes } = scanner;
  if (!escaped) return bytes.subarray(from, to);
  const out = new Uint8Array(to - from);
  let length = 0;
  for (let at = from; at < to;) {
    const value = bytes[at] as number;
    if (value !== 0x5c) {
      out[length++] = value;
      at++;
      continue;
    }
    const kind = bytes[at + 1] as number;
    if (kind !== 0x75) {
      out[length++] = simple[kind] ?? kind;
      at += 2;
      continue;
    }
    let point = scanner.hex(at + 2);
    at += 6;
    if (point >= 0xd800 && point <= 0xdbff) {
      point = 0x10000 + ((point - 0xd800) << 10) + (scanner.hex(at + 2) - 0xdc00);
      at += 6;
    }
    if (point < 0x80) out[length++] = point;
    else if (point < 0x800) {
      out[length++] = 0xc0 | (point >> 6);
      out[length++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      out[length++] = 0xe0 | (point >> 12);
      out[length++] = 0x80 | ((point >> 6) & 0x3f);
      out[length++] = 0x80 | (point & 0x3f);
    } else {
      out[length++] = 0xf0 | (point >> 18);
      out[length++] = 0x80 | ((point >> 12) & 0x3f);
      out[length++] = 0x80 | ((point >> 6) & 0x3f);
      out[length++] = 0x80 | (point & 0x3f);
    }
  }
  return out.subarray(0, length);
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** The name of a member, or a string's text. */
export function stringText(scanner: Scanner, span: { from: number; to: number; escaped: boolean }): string {
  return textOf(stringBytes(scanner, span));
}

/**
 * base64 as TensorFlow Serving takes it, and kinder: the URL-safe alphabet too.
 * @throws StatusError INVALID_ARGUMENT
 */
export function decodeBase64(text: Uint8Array): Uint8Array {
  const stripped = textOf(text).replace(/[\t\n\v\f\r ]/g, '');
  const match = /^([A-Za-z0-9+/_-]*)([=.]*)$/.exec(stripped);
  const body = match?.[1] ?? '';
  const padding = match?.[2]?.length ?? 0;
  const remainder = body.length % 4;
  // padding is all there or not at all
  if (match === null || remainder === 1 || (padding > 0 && (remainder === 0 || padding !== 4 - remainder))) {
    throw invalid('Unable to base64 decode');
  }
  return Buffer.from(body, 'base64');
}

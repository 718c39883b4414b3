/**
 * An object where a tensor or a set of named tensors may stand: {"b64": "..."} and nothing else in it is a string,
 * every other object has names.
 */
import type { Signature } from '../../tensor.ts';
import { memberName, nextByte, type Reading, skip } from '../body.ts';
import type { Column } from '../column.ts';
import type { Excerpt } from '../excerpt.ts';
import { previewExcerptBytes } from '../preview.ts';
import { Base64Reader, StringReader, stringText } from '../strings.ts';
import { byte, Text } from '../text.ts';
import { Blocks } from '../values/blocks.ts';
import { NotBase64, StringValues } from '../values/strings.ts';

/** A string that had to be read before it was known whose it is. */
export interface HeldString {
  readonly value: readonly Uint8Array[];
  readonly excerpt: Excerpt;
}

/** What is known of the first member of an object with names. */
export interface FirstMember {
  readonly name: string;
  /** Where its value is: still to come, passed over, or held. */
  readonly value: 'ahead' | 'passed' | HeldString;
}

export type PeekedRequest =
  /** A value, which has not been touched. */
  | { readonly kind: 'value' }
  /** {"b64": ...}, which the only input's values are in the middle of reading. */
  | { readonly kind: 'base64' }
  /** The same, passed over; with its bytes where an input could have taken them. */
  | { readonly kind: 'string'; readonly value: readonly Uint8Array[] }
  /** Names; undefined when the object is empty, and passed over. */
  | { readonly kind: 'names'; readonly first: FirstMember | undefined };

/** Reads a string as it stands, whatever its length. */
function* heldString(text: Text, maxBytes: number): Reading<Uint8Array[]> {
  const held = new Blocks();
  // what is longer is not kept: whoever takes the string finds it too long
  const reader = new StringReader((piece) => {
    if (held.length <= maxBytes) held.push(piece);
  });
  while (!reader.run(text)) yield;
  return held.take();
}

/** The bytes that base64 text stands for. @throws ValueFault */
function decodeHeld(held: readonly Uint8Array[]): Uint8Array[] {
  const bytes = new Blocks();
  const reader = new Base64Reader((piece) => {
    bytes.push(piece);
  });
  for (const piece of held) reader.push(piece);
  reader.end();
  return bytes.take();
}

/**
 * Looks at the value that begins here, as far as it takes to tell.
 * @param only the column of the only input
 * @param object where the value begins
 */
export function* openValue(
  text: Text,
  signature: Signature,
  only: Column | undefined,
  object: Excerpt,
  maxStringBytes: number,
): Reading<PeekedRequest> {
  if (text.bytes[text.at] !== byte.openObject) return { kind: 'value' };
  text.enter(byte.closeObject);
  if ((yield* nextByte(text)) === byte.closeObject) {
    text.at++;
    text.open.pop();
    return { kind: 'names', first: undefined };
  }
  const name = yield* memberName(text);
  const ahead: PeekedRequest = { kind: 'names', first: { name, value: 'ahead' } };
  if (name !== 'b64') return ahead;
  if ((yield* nextByte(text)) !== byte.quote) return ahead;
  const named = signature.inputs.has('b64');
  if (!named && only?.values instanceof StringValues) {
    only.values.openBase64(object);
    return { kind: 'base64' };
  }
  const excerpt = text.excerpt(text.at, previewExcerptBytes);
  let value: readonly Uint8Array[] = [];
  if (named) value = yield* heldString(text, maxStringBytes * 2);
  else yield* skip(text);
  if ((yield* nextByte(text)) !== byte.closeObject)
    return { kind: 'names', first: { name, value: named ? { value, excerpt } : 'passed' } };
  text.at++;
  text.open.pop();
  return { kind: 'string', value: only?.values instanceof StringValues ? decodeHeld(value) : [] };
}

/**
 * Finishes what openValue() began as base64.
 * @returns undefined when it was a string after all, else the member that it began with
 */
export function* finishBase64(text: Text, column: Column): Reading<FirstMember | undefined> {
  try {
    while (!column.read(text)) yield;
    return undefined;
  } catch (fault) {
    if (!(fault instanceof NotBase64)) throw fault;
    return { name: 'b64', value: 'passed' };
  }
}

/** Whether an excerpt begins with {"b64": "..."}; a string that is cut off counts as if it were all of it. */
export function isBase64Object(excerpt: Uint8Array): boolean {
  const text = new Text(Number.POSITIVE_INFINITY, excerpt);
  try {
    text.enter(byte.closeObject);
    const name = text.name();
    if (name === undefined || stringText(text, name) !== 'b64') return false;
    text.colon();
    if (text.peek() !== byte.quote) return false;
    text.at++;
    for (;;) {
      text.at = text.plain(text.at);
      if (text.at >= text.end) return excerpt.length >= previewExcerptBytes;
      if (text.bytes[text.at] === byte.quote) break;
      text.at = text.escape(text.at);
    }
    text.at++;
    return text.peek() === byte.closeObject;
  } catch {
    return false;
  }
}

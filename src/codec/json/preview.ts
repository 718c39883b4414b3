/** JSON values as TensorFlow Serving repeats them in its messages: printed anew, cut after some bytes. */
import { Buffer } from 'node:buffer';
import { byte, numberKind, Text } from './text.ts';

/** Printing stops at the first token that would start after this many bytes. */
const previewBytes = 256;
/** One long string is printed whole there; here it is cut, so that an error costs bounded memory. */
const maxTokenBytes = 1024;
/** Text that is kept for a preview: with any usual layout more than it takes. */
export const previewExcerptBytes = 4096;

/** Where a string that begins at `at` ends: behind its quote, or with the text. */
function stringEnd({ bytes, end }: Text, at: number): number {
  let i = at + 1;
  while (i < end && bytes[i] !== byte.quote) i += bytes[i] === byte.backslash ? 2 : 1;
  return Math.min(end, i + 1);
}

/**
 * Prints the value that an excerpt begins with, with 4-blank indent; lists stay on one line. What is cut off stays
 * off.
 */
export function preview(excerpt: Uint8Array): string {
  const text = new Text(Number.POSITIVE_INFINITY, excerpt);
  const { open } = text;
  let out = '';
  const indent = (): string =>
    `\n${'    '.repeat(open.filter((close) => close === byte.closeObject).length)}`;
  const token = (from: number): string => {
    const { bytes, at } = text;
    const raw = Buffer.from(bytes.buffer, from, at - from).toString('utf8');
    return raw.length > maxTokenBytes ? `${raw.slice(0, maxTokenBytes)}...` : raw;
  };
  const string = (): string => {
    const from = text.at;
    text.at = stringEnd(text, from);
    return token(from);
  };
  const member = (): void => {
    if (text.peek() < 0) return;
    out += `${indent()}${string()}: `;
    text.colon();
  };
  try {
    while (out.length <= previewBytes) {
      text.peek();
      const type = text.type();
      const from = text.at;
      if (type === 'Array' || type === 'Object') {
        const close = type === 'Array' ? byte.closeList : byte.closeObject;
        out += type === 'Array' ? '[' : '{';
        text.enter(close);
        if (text.peek() !== close) {
          if (close === byte.closeObject) member();
          continue;
        }
        text.at++;
        open.pop();
        out += type === 'Array' ? ']' : '}';
      } else if (type === 'String') out += string();
      else {
        if (type === 'Number') {
          if (text.number() === numberKind.more) break;
        } else if (type !== undefined) text.word(type);
        out += token(from);
      }
      for (;;) {
        const close = open.at(-1);
        if (close === undefined || out.length > previewBytes) return out;
        if (text.more(close) === true) {
          out += close === byte.closeList ? ', ' : ',';
          if (close === byte.closeObject) member();
          break;
        }
        out += close === byte.closeList ? ']' : `${indent()}}`;
      }
    }
  } catch {
    // what follows is cut or broken; the beginning is enough
  }
  return out;
}

/** JSON values as TensorFlow Serving repeats them in its messages: printed anew, cut after some bytes. */
import { Buffer } from 'node:buffer';
import { byte, Scanner } from './scanner.ts';

/** Printing stops at the first token that would start after this many bytes. */
const previewBytes = 256;
/** One long string is printed whole there; here it is cut, so that an error costs bounded memory. */
const maxTokenBytes = 1024;

/** Prints the value that stands at `at`, with 4-blank indent; lists stay on one line. The text must be valid there. */
export function preview(bytes: Uint8Array, at: number): string {
  const scanner = new Scanner(bytes, Number.POSITIVE_INFINITY);
  scanner.at = at;
  const open: number[] = [];
  let text = '';
  const indent = (): string =>
    `\n${'    '.repeat(open.filter((close) => close === byte.closeObject).length)}`;
  const token = (from: number): string => {
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset + from, scanner.at - from).toString('utf8');
    return raw.length > maxTokenBytes ? `${raw.slice(0, maxTokenBytes)}...` : raw;
  };
  const member = (): void => {
    scanner.peek();
    const from = scanner.at;
    scanner.string();
    text += `${indent()}${token(from)}: `;
    scanner.peek();
    scanner.at++;
  };
  try {
    while (text.length <= previewBytes) {
      const type = scanner.type();
      const from = scanner.at;
      if (type === 'Array' || type === 'Object') {
        const close = type === 'Array' ? byte.closeList : byte.closeObject;
        text += type === 'Array' ? '[' : '{';
        if (scanner.enter(close)) {
          open.push(close);
          if (close === byte.closeObject) member();
          continue;
        }
        text += type === 'Array' ? ']' : '}';
      } else {
        if (type === 'String') scanner.string();
        else if (type === 'Number') scanner.number();
        else scanner.word(type);
        text += token(from);
      }
      for (;;) {
        const close = open.at(-1);
        if (close === undefined || text.length > previewBytes) return text;
        if (scanner.more(close)) {
          text += close === byte.closeList ? ', ' : ',';
          if (close === byte.closeObject) member();
          break;
        }
        open.pop();
        text += close === byte.closeList ? ']' : `${indent()}}`;
      }
    }
  } catch {
    // what follows is cut or broken; the beginning is enough
  }
  return text;
}

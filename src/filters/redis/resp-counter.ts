/**
 * Counts the complete messages of one direction of a RESP2 connection (Redis serialization protocol), and keeps none
 * of them.
 */

/** A line that is no bulk string: a status, an error, a number, a length. In bytes; Redis cuts its errors far below. */
const maxLineBytes = 65_536;
/** Of a bulk string, as Redis has it (proto-max-bulk-len). */
const maxBulkBytes = 512 * 2 ** 20;
const maxElements = 2 ** 20;
/** Arrays within arrays; the commands here get lists of lists at the most. */
const maxDepth = 8;

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Incremental RESP2 parser that calls back at the end of each message; malformed or oversized input makes
 * push() throw Error.
 */
export class RespCounter {
  readonly #onMessage: () => void;
  /** The beginning of a line whose end has not come. */
  #line = '';
  /** Bytes of a bulk string, its CRLF included, that have not come. */
  #bulkLeft = 0;
  /** Elements that each open array still waits for, the innermost last. */
  readonly #open: number[] = [];

  /** @param onMessage called at the end of each, in order */
  constructor(onMessage: () => void) {
    this.#onMessage = onMessage;
  }

  /** @throws Error for what is no RESP2, or larger than Redis would send; what onMessage throws */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bulkLeft > 0) {
        const taken = Math.min(this.#bulkLeft, chunk.length - at);
        this.#bulkLeft -= taken;
        at += taken;
        if (this.#bulkLeft === 0) this.#element();
        continue;
      }
      const end = chunk.indexOf(lineFeed, at);
      const to = end === -1 ? chunk.length : end;
      if (this.#line.length + to - at > maxLineBytes)
        throw new Error(`a line is longer than ${maxLineBytes} bytes`);
      const part = chunk.toString('latin1', at, to);
      at = to + 1;
      if (end === -1) {
        this.#line += part;
        return;
      }
      const line = this.#line + part;
      this.#line = '';
      if (line.charCodeAt(line.length - 1) !== carriageReturn)
        throw new Error('a line does not end with CRLF');
      this.#read(line);
    }
  }

  /** @param line with its CR */
  #read(line: string): void {
    switch (line[0]) {
      case '+':
      case '-':
      case ':':
        this.#element();
        return;
      case '$': {
        const length = lengthIn(line, maxBulkBytes);
        if (length === -1) this.#element();
        else this.#bulkLeft = length + 2;
        return;
      }
      case '*': {
        const length = lengthIn(line, maxElements);
        if (length <= 0) this.#element();
        else if (this.#open.push(length) > maxDepth)
          throw new Error(`lists are nested deeper than ${maxDepth}`);
        return;
      }
      default:
        throw new Error(`a message begins with "${printable(line)}", which is no RESP2`);
    }
  }

  /** An element is complete, and with the last one of a list the list is. */
  #element(): void {
    const open = this.#open;
    while (open.length > 0) {
      const left = (open.at(-1) as number) - 1;
      open[open.length - 1] = left;
      if (left > 0) return;
      open.pop();
    }
    this.#onMessage();
  }
}

/** -1 for a nil. */
function lengthIn(line: string, max: number): number {
  const text = line.slice(1, -1);
  if (!/^(-1|[0-9]{1,10})$/.test(text)) throw new Error(`a length is "${printable(text)}"`);
  const length = Number(text);
  if (length > max) throw new Error(`a length is ${length}, the limit is ${max}`);
  return length;
}

const printable = (text: string): string => JSON.stringify(text.slice(0, 20)).slice(1, -1);

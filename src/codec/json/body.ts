/** Runs a reader of JSON over the chunks of a body, as they arrive. */
import { BodyTooLarge, expect, type Expect, invalid, type JsonLimits, ValueFault } from './limits.ts';
import { preview, previewExcerptBytes } from './preview.ts';
import { Skip } from './skip.ts';
import { stringText } from './strings.ts';
import { byte, Text } from './text.ts';

/** A reader written as if the whole text were there: it yields where it has to wait for more. */
export type Reading<T> = Generator<undefined, T, undefined>;

/**
 * Drives a reader over a JSON body that arrives in chunks, and counts its bytes against `maxBodyBytes`: push()
 * each chunk, then finish() returns what the reader returned.
 */
export class JsonBody<T> {
  readonly #maxBytes: number;
  readonly #text: Text;
  readonly #reading: Reading<T>;
  #bytes = 0;
  #result: { readonly value: T } | undefined;

  constructor(limits: JsonLimits, read: (text: Text) => Reading<T>) {
    this.#maxBytes = limits.maxBodyBytes;
    this.#text = new Text(limits.maxDepth);
    this.#reading = read(this.#text);
  }

  /**
   * Takes the next chunk; it is not needed any more after that. What follows the root value is not looked at.
   * @throws BodyTooLarge; StatusError as soon as one is certain
   */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw new BodyTooLarge(this.#maxBytes);
    for (let from = 0; from < chunk.length && this.#result === undefined;) {
      from = this.#text.fill(chunk, from);
      this.#read();
    }
  }

  /** Nothing follows. @throws StatusError */
  finish(): T {
    if (this.#result === undefined) {
      this.#text.close();
      this.#read();
    }
    if (this.#result === undefined) throw new Error('a reader waits for more than there is');
    return this.#result.value;
  }

  #read(): void {
    const { done, value } = this.#reading.next();
    if (done === true) this.#result = { value };
    else this.#text.leave();
  }
}

/** The byte that a value, a name or a bracket begins with; -1 at the very end. */
export function* nextByte(text: Text): Reading<number> {
  for (;;) {
    const first = text.peek();
    if (first >= 0 || text.last) return first;
    yield;
  }
}

/** Passes over a value, or what is left of one. */
export function* skip(text: Text, next: Expect = expect.value, floor = text.open.length): Reading<void> {
  const skipping = new Skip().start(text, next, floor);
  while (!skipping.run(text)) yield;
}

/** Passes over a name and its colon. */
export function* memberName(text: Text): Reading<string> {
  let span = text.name();
  while (span === undefined) {
    yield;
    span = text.name();
  }
  const name = stringText(text, span);
  while (!text.colon()) yield;
  return name;
}

/** After a member or element: whether another one follows. */
export function* anotherOne(text: Text, close: number): Reading<boolean> {
  for (;;) {
    const more = text.more(close);
    if (more !== undefined) return more;
    yield;
  }
}

/** A short string's text. */
export function* shortString(text: Text): Reading<string> {
  for (;;) {
    const span = text.string();
    if (span !== undefined) return stringText(text, span);
    yield;
  }
}

/** Enters the list or object that begins here; false when it is empty, and passed over. */
export function* enter(text: Text, close: number): Reading<boolean> {
  text.enter(close);
  if ((yield* nextByte(text)) !== close) return true;
  text.at++;
  text.open.pop();
  return false;
}

/**
 * Reads the root object: `member` is asked at each value, and passes over it.
 * @returns the root's text anew, as messages show it
 * @throws StatusError when the root is no object
 */
export function* readRoot(
  text: Text,
  member: (name: string, root: () => string) => Reading<void>,
): Reading<() => string> {
  // a byte order mark is skipped
  while (text.bytes[0] === 0xef && text.end < 3 && !text.last) yield;
  if (text.bytes[0] === 0xef && text.bytes[1] === 0xbb && text.bytes[2] === 0xbf) text.at = 3;
  if (text.last && text.base + text.end === 0) throw invalid('JSON Parse error: The document is empty');
  if ((yield* nextByte(text)) < 0) throw text.fault('The document is empty.');
  const excerpt = text.excerpt(text.at, previewExcerptBytes);
  const root = (): string => preview(text.textOf(excerpt));
  while (text.type() === undefined) yield;
  if (text.type() !== 'Object') {
    yield* skip(text);
    throw invalid(`JSON Value: ${root()} Is not object`);
  }
  if (!(yield* enter(text, byte.closeObject))) return root;
  do {
    const name = yield* memberName(text);
    yield* nextByte(text);
    yield* member(name, root);
  } while (yield* anotherOne(text, byte.closeObject));
  return root;
}

/** Runs a reader over a text that is complete. @throws StatusError */
export function readWhole<T>(reading: Reading<T>): T {
  try {
    const step = reading.next();
    if (step.done !== true) throw new Error('a reader waits in a text that is complete');
    return step.value;
  } catch (fault) {
    throw fault instanceof ValueFault ? fault.toStatus() : fault;
  }
}

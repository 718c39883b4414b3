/** Small JSON values of V2 bodies: names, shapes, parameters. Read from a text that is wholly there. */
import type { StatusError } from '../../../base/status.ts';
import type { V2Parameter, V2Parameters } from '../../v2.ts';
import { anotherOne, enter, memberName, nextByte, type Reading, shortString, skip } from '../body.ts';
import { invalid } from '../limits.ts';
import { byte, type Text } from '../text.ts';

/** More than any request has of anything that is no tensor value. */
const maxItems = 65_536;

const wrong = (what: string, wanted: string): StatusError => invalid(`"${what}" must be ${wanted}`);

/** @throws StatusError unless the value begins with this byte */
function* expectByte(text: Text, first: number, what: string, wanted: string): Reading<void> {
  const found = yield* nextByte(text);
  if (found < 0) throw text.fault('Invalid value.');
  if (found !== first) throw wrong(what, wanted);
}

/** Passes over a null, which says in V2 that a member is not set. */
export function* isNull(text: Text): Reading<boolean> {
  yield* nextByte(text);
  if (text.type() !== 'Null') return false;
  text.word('Null');
  return true;
}

/**
 * Reads a JSON string.
 * @param what the member's name, for the message
 * @throws StatusError INVALID_ARGUMENT when the value is no string
 */
export function* readText(text: Text, what: string): Reading<string> {
  yield* expectByte(text, byte.quote, what, 'a string');
  return yield* shortString(text);
}

/** Each element of a list is asked at its first byte, and passes over it. */
export function* readList(text: Text, what: string, element: () => Reading<void>): Reading<void> {
  yield* expectByte(text, byte.openList, what, 'a list');
  if (!(yield* enter(text, byte.closeList))) return;
  let count = 0;
  do {
    if (++count > maxItems) throw invalid(`"${what}" has more than ${maxItems} elements`);
    yield* nextByte(text);
    yield* element();
  } while (yield* anotherOne(text, byte.closeList));
}

/** Each member of an object is asked at its value, and passes over it. */
export function* readObject(
  text: Text,
  what: string,
  member: (name: string) => Reading<void>,
): Reading<void> {
  yield* expectByte(text, byte.openObject, what, 'an object');
  if (!(yield* enter(text, byte.closeObject))) return;
  do {
    const name = yield* memberName(text);
    yield* nextByte(text);
    yield* member(name);
  } while (yield* anotherOne(text, byte.closeObject));
}

/** The text of a number, which is passed over. */
function numberText(text: Text): string {
  const from = text.at;
  text.number();
  return Buffer.from(text.bytes.subarray(from, text.at)).toString('latin1');
}

/**
 * Reads a V2 shape, a JSON array of integers. Negative sizes are not refused here.
 * @throws StatusError INVALID_ARGUMENT when it is no array, or an element is no safe integer
 */
export function* readShape(text: Text): Reading<number[]> {
  const shape: number[] = [];
  yield* readList(text, 'shape', function* () {
    if (text.type() !== 'Number') throw wrong('shape', 'a list of integers');
    const size = Number(numberText(text));
    if (!Number.isSafeInteger(size)) throw wrong('shape', 'a list of integers');
    shape.push(size);
  });
  return shape;
}

/** Members that an object has had. Servers disagree which of two counts: the first at Triton, the last at MLServer. */
export class Once {
  readonly #seen = new Set<string>();

  /** @throws StatusError INVALID_ARGUMENT when it is there twice */
  see(member: string): void {
    if (this.#seen.has(member)) throw invalid(`"${member.slice(0, 100)}" is there twice in one object`);
    this.#seen.add(member);
  }
}

const minInt64 = -(2n ** 63n);
const maxUint64 = 2n ** 64n - 1n;

/** An integer keeps its digits. @throws StatusError INVALID_ARGUMENT for a number that no type of a parameter holds */
function numberOf(name: string, digits: string): bigint | number {
  const isInteger = /^-?[0-9]+$/.test(digits);
  if (isInteger && digits.length <= 20) {
    const integer = BigInt(digits);
    if (integer >= minInt64 && integer <= maxUint64) return integer;
  }
  const value = Number(digits);
  if (!isInteger && Number.isFinite(value)) return value;
  const range = isInteger ? 'an integer of 64 bits' : 'a float64';
  throw invalid(`parameter "${name.slice(0, 100)}" is ${digits.slice(0, 40)}, which is beyond ${range}`);
}

/** A string, boolean or number; anything else has no place in a V2 message, and is passed over: undefined. */
export function* readParameter(text: Text, name: string): Reading<V2Parameter | undefined> {
  const type = text.type();
  if (type === 'String') return yield* shortString(text);
  if (type === 'True' || type === 'False') {
    text.word(type);
    return type === 'True';
  }
  if (type === 'Number') return numberOf(name, numberText(text));
  yield* skip(text);
  return undefined;
}

/**
 * Reads a V2 `parameters` object; members that are null, an array or an object are skipped.
 * @throws StatusError INVALID_ARGUMENT when it is no object, repeats a name, or has a number beyond 64-bit
 * integers and float64
 */
export function* readParameters(text: Text): Reading<V2Parameters> {
  const parameters = new Map<string, V2Parameter>();
  const once = new Once();
  yield* readObject(text, 'parameters', function* (name) {
    once.see(name);
    const value = yield* readParameter(text, name);
    if (value !== undefined) parameters.set(name, value);
  });
  return parameters;
}

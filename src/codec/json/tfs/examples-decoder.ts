/** The body of a REST classify or regress request: tf.Examples as objects of features. */
import { Buffer } from 'node:buffer';
import type { Example, Feature } from '../../example.ts';
import {
  anotherOne,
  enter,
  JsonBody,
  memberName,
  nextByte,
  type Reading,
  readRoot,
  shortString,
  skip,
} from '../body.ts';
import { expect, invalid, type JsonLimits, valueFault, ValueFault } from '../limits.ts';
import { toFloat64 } from '../number/exact.ts';
import { Base64Reader, StringReader } from '../strings.ts';
import { byte, numberKind, type Text, type ValueType } from '../text.ts';
import { Blocks } from '../values/blocks.ts';

export interface DecodedExamples {
  readonly signatureName: string;
  readonly examples: Example[];
  readonly context?: Example;
}

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

type Value =
  { kind: 'bytes'; value: Uint8Array } | { kind: 'float'; value: number } | { kind: 'int64'; value: bigint };

/** Decodes a body as it arrives. */
export function examplesBody(limits: JsonLimits): JsonBody<DecodedExamples> {
  return new JsonBody(limits, (text) => new ExamplesReading(text, limits).read());
}

const typeNames: Readonly<Record<ValueType, string>> = {
  Null: 'Null',
  True: 'Bool',
  False: 'Bool',
  Object: 'Object',
  Array: 'Array',
  String: 'String',
  Number: 'Number',
};

class ExamplesReading {
  readonly #text: Text;
  readonly #limits: JsonLimits;
  #left: number;
  #signatureName: string | undefined;
  #context: Example | undefined;
  #examples: Example[] | undefined;
  readonly #seen = new Set<string>();
  /** Why a member cannot be used. */
  readonly #faults = new Map<string, ValueFault>();

  constructor(text: Text, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#left = limits.maxExampleValues;
  }

  *read(): Reading<DecodedExamples> {
    const root = yield* readRoot(this.#text, (name, rootText) => this.#member(name, rootText));
    for (const name of ['signature_name', 'context', 'examples']) {
      const fault = this.#faults.get(name);
      if (fault !== undefined) throw fault.toStatus();
    }
    if (this.#examples === undefined) {
      throw invalid(
        `JSON Value: ${root()} When method is classify, key 'examples' is expected and was not found`,
      );
    }
    return {
      signatureName: this.#signatureName ?? '',
      examples: this.#examples,
      ...(this.#context === undefined ? {} : { context: this.#context }),
    };
  }

  *#member(name: string, root: () => string): Reading<void> {
    const text = this.#text;
    const floor = text.open.length;
    const known = name === 'signature_name' || name === 'context' || name === 'examples';
    if (!known || this.#seen.has(name)) {
      yield* skip(text);
      return;
    }
    this.#seen.add(name);
    try {
      if (name === 'signature_name') yield* this.#readSignatureName(root);
      else if (name === 'context') this.#context = yield* this.#example();
      else this.#examples = yield* this.#list(root);
    } catch (fault) {
      if (!(fault instanceof ValueFault)) throw fault;
      this.#faults.set(name, fault);
      yield* skip(text, fault.next, floor);
    }
  }

  *#readSignatureName(root: () => string): Reading<void> {
    const text = this.#text;
    if (text.bytes[text.at] !== byte.quote) {
      throw new ValueFault(() =>
        invalid(
          `JSON Value: ${root()} not formatted correctly. 'signature_name' key must be a string value.`,
        ),
      );
    }
    this.#signatureName = yield* shortString(text);
  }

  *#list(root: () => string): Reading<Example[]> {
    const text = this.#text;
    if ((yield* this.#type()) !== 'Array') {
      throw new ValueFault(() =>
        invalid(`JSON Value: ${root()} Expecting 'examples' value to be an list/array`),
      );
    }
    if (!(yield* enter(text, byte.closeList))) {
      throw new ValueFault(
        () => invalid(`JSON Value: ${root()} 'examples' value is an empty array`),
        expect.after,
      );
    }
    const examples: Example[] = [];
    do {
      yield* nextByte(text);
      examples.push(yield* this.#example());
    } while (yield* anotherOne(text, byte.closeList));
    return examples;
  }

  *#type(): Reading<ValueType> {
    for (;;) {
      const type = this.#text.type();
      if (type !== undefined) return type;
      yield;
    }
  }

  *#example(): Reading<Example> {
    const text = this.#text;
    const type = yield* this.#type();
    if (type !== 'Object') throw valueFault(`Example must be JSON object but got JSON ${typeNames[type]}`);
    this.#spend();
    const features = new Map<string, Feature>();
    if (!(yield* enter(text, byte.closeObject))) return features;
    do {
      const name = yield* memberName(text);
      yield* nextByte(text);
      this.#spend();
      features.set(name, yield* this.#feature(name));
    } while (yield* anotherOne(text, byte.closeObject));
    return features;
  }

  /** Every example, feature and value takes far more memory than text: together they are bounded. */
  #spend(): void {
    if (this.#left === 0)
      throw valueFault(
        `the examples have more features and values than the limit of ${this.#limits.maxExampleValues}`,
      );
    this.#left--;
  }

  *#feature(name: string): Reading<Feature> {
    const text = this.#text;
    const values: Value[] = [];
    if ((yield* this.#type()) !== 'Array') values.push(yield* this.#value(name));
    else if (yield* enter(text, byte.closeList)) {
      do {
        yield* nextByte(text);
        this.#spend();
        const value = yield* this.#value(name);
        const kind = values[0]?.kind ?? value.kind;
        if (value.kind !== kind)
          throw valueFault(
            `Unexpected element type in feature: ${name} expecting type: ${kind}`,
            expect.after,
          );
        values.push(value);
      } while (yield* anotherOne(text, byte.closeList));
    }
    const [first] = values;
    if (first === undefined) return { kind: 'none' };
    return { kind: first.kind, values: values.map(({ value }) => value) } as Feature;
  }

  *#value(name: string): Reading<Value> {
    const text = this.#text;
    const type = yield* this.#type();
    const unexpected = (next: ValueFault['next']): ValueFault =>
      valueFault(`Feature: ${name} has element with unexpected JSON type: ${typeNames[type]}`, next);
    if (type === 'String') return { kind: 'bytes', value: yield* this.#string(false) };
    if (type === 'True' || type === 'False') {
      text.word(type);
      return { kind: 'int64', value: type === 'True' ? 1n : 0n };
    }
    if (type === 'Number') return this.#number(name, yield* this.#digits());
    if (type !== 'Object') throw unexpected(expect.value);
    if (!(yield* enter(text, byte.closeObject))) throw unexpected(expect.after);
    if ((yield* memberName(text)) !== 'b64' || (yield* nextByte(text)) !== byte.quote)
      throw unexpected(expect.value);
    const value = yield* this.#string(true);
    if ((yield* nextByte(text)) !== byte.closeObject) throw unexpected(expect.after);
    text.at++;
    text.open.pop();
    return { kind: 'bytes', value };
  }

  *#string(base64: boolean): Reading<Uint8Array> {
    const { maxStringBytes } = this.#limits;
    const bytes = new Blocks();
    const keep = (piece: Uint8Array): void => {
      if (bytes.length <= maxStringBytes) bytes.push(piece);
    };
    const decoder = base64 ? new Base64Reader(keep) : undefined;
    const reader = new StringReader(
      decoder === undefined
        ? keep
        : (piece) => {
            decoder.push(piece);
          },
      decoder,
    );
    while (!reader.run(this.#text)) yield;
    decoder?.end();
    if (bytes.length > maxStringBytes)
      throw valueFault(`a string is longer than the limit of ${maxStringBytes} bytes`, expect.after);
    return Buffer.concat(bytes.take());
  }

  /** The text of a number. */
  *#digits(): Reading<{ digits: string; integer: boolean }> {
    const text = this.#text;
    for (;;) {
      const from = text.at;
      const kind = text.number();
      if (kind !== numberKind.more) {
        const digits = text.latin1(from, text.at);
        return { digits, integer: kind === numberKind.integer };
      }
      yield;
    }
  }

  #number(name: string, { digits, integer }: { digits: string; integer: boolean }): Value {
    // beyond 20 digits it cannot be within 64 bits, and a BigInt of it would cost more than it should
    if (integer && digits.length <= 21) {
      const value = BigInt(digits);
      if (value >= minInt64 && value <= maxInt64) return { kind: 'int64', value };
      if (value > 0n && value <= maxUint64)
        throw valueFault(`Feature: ${name} has uint64_t element. Only int64_t is supported.`, expect.after);
    }
    return { kind: 'float', value: toFloat64(digits) };
  }
}

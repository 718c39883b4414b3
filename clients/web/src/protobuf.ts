/** The Protocol Buffers wire format, as far as inference needs it: a writer of parts and a reader of fields. */

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Collects the parts of one message; large byte fields are referred to, not copied, until `bytes()` joins them. */
export class Writer {
  readonly parts: Uint8Array[] = [];
  length = 0;

  #push(part: Uint8Array): this {
    this.parts.push(part);
    this.length += part.length;
    return this;
  }

  #tag(field: number, wireType: number, ...more: number[]): this {
    return this.#push(Uint8Array.from([...varint(field * 8 + wireType), ...more]));
  }

  /** An integer field (int32, int64, enum, bool); zero, the default, is left out. */
  integer(field: number, value: number | bigint): this {
    return value === 0 || value === 0n ? this : this.#tag(field, 0, ...varint(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, 2, ...varint(value.length)).#push(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  message(field: number, inner: Writer): this {
    this.#tag(field, 2, ...varint(inner.length));
    for (const part of inner.parts) this.#push(part);
    return this;
  }
}

/** Base-128, least significant group first; a negative number takes ten bytes, as in int64. */
function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** One field of a message; `bytes` is empty for integers, `integer` is 0 for length-delimited and fixed fields. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  readonly integer: bigint;
  readonly bytes: Uint8Array;
}

/** The fields of a message in their order. @throws Error when the message is cut or has a group */
export function* fields(message: Uint8Array): Generator<Field> {
  const reader = new Reader(message);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wireType = tag & 7;
    let integer = 0n;
    let bytes = nothing;
    if (wireType === 0) integer = reader.varint();
    else if (wireType === 2) bytes = reader.take(Number(reader.varint()));
    else if (wireType === 1) bytes = reader.take(8);
    else if (wireType === 5) bytes = reader.take(4);
    else throw new Error(`the reply has a field of wire type ${wireType}`);
    yield { number: tag >>> 3, wireType, integer, bytes };
  }
}

const nothing: Uint8Array = new Uint8Array(0);

/** Every varint of a repeated integer field, packed or one by one. */
export function integers({ wireType, integer, bytes }: Field): bigint[] {
  if (wireType === 0) return [integer];
  const values: bigint[] = [];
  for (const reader = new Reader(bytes); !reader.done;) values.push(reader.varint());
  return values;
}

export const textOf = (bytes: Uint8Array): string => fromUtf8.decode(bytes);

/** A map field's entry as [key, value]. */
export function entryOf(bytes: Uint8Array): [key: string, value: Uint8Array] {
  let key = '';
  let value = nothing;
  for (const field of fields(bytes)) {
    if (field.number === 1) key = textOf(field.bytes);
    else if (field.number === 2) value = field.bytes;
  }
  return [key, value];
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let low = 0;
    // up to 28 bits without a bigint, which is nearly every tag, length and small number
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 127) << shift;
      if (byte < 128) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new Error('the reply has a number of more than ten bytes');
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('the reply ends inside a field');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error('the reply ends inside a field');
    return byte;
  }
}

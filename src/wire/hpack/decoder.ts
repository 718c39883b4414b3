/** HPACK in: header blocks to field lists; a block that repeats gives the same list object. */
import { isAt } from '../../base/bytes.ts';
import { markReused, isReused } from '../../base/identity-memo.ts';
import { ConnectionError, defaultTableBytes, ErrorCode } from '../constants.ts';
import { withoutBlanks } from '../field-whitespace.ts';
import { decodeHuffman } from './huffman.ts';
import { DynamicTable, staticTable } from './tables.ts';

/** A flat name/value list, pseudo-headers first. Treated as immutable. */
export type Headers = readonly string[];

export const noHeaders: Headers = Object.freeze([]);

export interface DecoderLimits {
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
}

/** Blocks above this are not remembered: those of repeated gRPC calls take about ten bytes. */
const maxMemoBytes = 128;
const maxMemos = 128;
/** Of these, so many are compared byte by byte, which costs less than making a text of a block to look it up. */
const maxNear = 4;
/**
 * Places for lists that came last, of which the next may be one again; a power of two. Longer lists are not kept, in
 * bytes.
 */
const lastPlaces = 32;
const maxLastBytes = 2048;
const fieldOverhead = 32;
/** Of a field that is kept of a list that is too large. */
const maxVitalBytes = 8192;

const broken = (what: string): ConnectionError => new ConnectionError(ErrorCode.COMPRESSION_ERROR, what);

interface Memo {
  readonly block: Uint8Array;
  readonly fields: Headers;
}

/** Compared from their ends, since lists of one client begin alike. */
function isSame(a: Headers, b: Headers): boolean {
  if (a.length !== b.length) return false;
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Decodes the header blocks of one connection, in order, with its dynamic table (RFC 7541). A malformed block
 * ends the connection: ConnectionError COMPRESSION_ERROR.
 */
export class HpackDecoder {
  readonly #limits: DecoderLimits;
  readonly #varyingName: string | undefined;
  readonly #table = new DynamicTable(defaultTableBytes);
  readonly #memo = new Map<string, Headers>();
  /** Those of #memo that came last, in no order. */
  #near: Memo[] = [];
  #nextNear = 0;
  #memoGeneration = 0;
  /** By their hash. */
  readonly #last = new Array<Headers | undefined>(lastPlaces).fill(undefined);
  /** Of the list that was read last. */
  #hash = 0;
  #listBytes = 0;
  #varying: string[] | undefined;
  readonly #vitalNames: readonly string[] | undefined;
  #vital: Headers = noHeaders;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /**
   * @param varyingName a field that is left out of the list, since it differs in each call (grpc-timeout) when the
   *   rest of a head does not
   * @param vitalNames fields that are kept of a list that is too large
   */
  constructor(limits: DecoderLimits, varyingName?: string, vitalNames?: readonly string[]) {
    this.#limits = limits;
    this.#vitalNames = vitalNames;
    this.#varyingName = varyingName;
  }

  /** Of the block that was decoded last: the fields that vary from call to call, which are not in its list. */
  get varying(): Headers {
    return this.#varying ?? noHeaders;
  }

  /** Of the list that was too large last: its vital fields, cut. */
  get vital(): Headers {
    return this.#vital;
  }

  /**
   * Decodes one complete block, which may be a part of other bytes. Undefined when the list is larger than the
   * limits; the table is kept right all the same.
   * @throws ConnectionError COMPRESSION_ERROR
   */
  decode(bytes: Buffer, from = 0, to = bytes.length): Headers | undefined {
    this.#varying = undefined;
    if (this.#memoGeneration !== this.#table.generation) {
      this.#memo.clear();
      this.#near = [];
      this.#nextNear = 0;
      this.#memoGeneration = this.#table.generation;
    }
    for (const near of this.#near) if (isAt(near.block, bytes, from, to)) return near.fields;
    const short = to - from <= maxMemoBytes;
    let key = short && this.#memo.size > 0 ? bytes.toString('latin1', from, to) : '';
    let fields = key === '' ? undefined : this.#memo.get(key);
    if (fields === undefined) {
      fields = this.#again(this.#read(bytes, from, to));
      // a block that changed the table means something else the next time, and one that varies does not come again
      const repeats = this.#memoGeneration === this.#table.generation && this.#varying === undefined;
      if (fields === undefined || !short || !repeats || !isReused(fields)) return fields;
      if (key === '') key = bytes.toString('latin1', from, to);
      if (this.#memo.size < maxMemos) this.#memo.set(key, fields);
    }
    this.#near[this.#nextNear] = { block: Uint8Array.prototype.slice.call(bytes, from, to), fields };
    this.#nextNear = (this.#nextNear + 1) % maxNear;
    return fields;
  }

  /** The list that came before, if this one says the same. */
  #again(fields: Headers | undefined): Headers | undefined {
    if (fields === undefined || this.#listBytes > maxLastBytes) return fields;
    const place = this.#hash & (lastPlaces - 1);
    const last = this.#last[place];
    if (last !== undefined && isSame(last, fields)) return markReused(last);
    this.#last[place] = fields;
    return fields;
  }

  #read(block: Buffer, from: number, to: number): Headers | undefined {
    this.#block = block;
    this.#at = from;
    this.#end = to;
    const fields: string[] = [];
    let size = 0;
    let count = 0;
    let hash = 0;
    let fits = true;
    while (this.#at < to) {
      const byte = block[this.#at] as number;
      let name: string;
      let value: string;
      if (byte >= 0x80) {
        const index = this.#integer(7);
        name = this.#name(index);
        value =
          index <= staticTable.length
            ? (staticTable[index - 1] as readonly [string, string])[1]
            : (this.#table.value(index - staticTable.length - 1) as string);
      } else if (byte >= 0x40) {
        const index = this.#integer(6);
        name = index === 0 ? this.#string() : this.#name(index);
        value = this.#string();
        this.#table.add(name, value);
      } else if (byte >= 0x20) {
        if (fields.length > 0) throw broken('a table size update after the first field');
        const maxBytes = this.#integer(5);
        if (maxBytes > defaultTableBytes)
          throw broken(`a table of ${maxBytes} bytes, the limit is ${defaultTableBytes}`);
        this.#table.resize(maxBytes);
        continue;
      } else {
        const index = this.#integer(4);
        name = index === 0 ? this.#string() : this.#name(index);
        value = this.#string();
      }
      size += name.length + value.length + fieldOverhead;
      if (size > this.#limits.maxHeaderListBytes || ++count > this.#limits.maxHeaderFields) fits = false;
      if (!fits) {
        if (this.#vitalNames?.includes(name) === true && !fields.includes(name)) fields.push(name, value);
        continue;
      }
      // what is not in the list is not stripped with it
      if (name === this.#varyingName) (this.#varying ??= []).push(name, withoutBlanks(value));
      else {
        fields.push(name, value);
        hash = (Math.imul(hash, 31) + value.length + value.charCodeAt(value.length - 1)) | 0;
      }
    }
    this.#hash = hash;
    this.#listBytes = size;
    if (fits) return fields;
    this.#vital = this.#vitalOf(fields);
    return undefined;
  }

  #vitalOf(fields: Headers): Headers {
    const vital: string[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      if (this.#vitalNames?.includes(name) === true)
        vital.push(name, (fields[i + 1] as string).slice(0, maxVitalBytes));
    }
    return vital;
  }

  #name(index: number): string {
    if (index === 0) throw broken('index 0');
    if (index <= staticTable.length) return (staticTable[index - 1] as readonly [string, string])[0];
    const name = this.#table.name(index - staticTable.length - 1);
    if (name === undefined) throw broken(`index ${index} is beyond the table`);
    return name;
  }

  /** An integer with a prefix of so many bits (§5.1). */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#block[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw broken('an integer is too large');
      if (this.#at >= this.#end) throw broken('a block is cut short');
      const byte = this.#block[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #string(): string {
    if (this.#at >= this.#end) throw broken('a block is cut short');
    const huffman = (this.#block[this.#at] as number) >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) throw broken('a string is cut short');
    this.#at = to;
    if (!huffman) return this.#block.toString('latin1', from, to);
    const text = decodeHuffman(this.#block, from, to);
    if (text === undefined) throw broken('invalid Huffman code');
    return text;
  }
}

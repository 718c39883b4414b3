/** HPACK out: field lists to header blocks; the encoding of a list that is sent again is remembered. */
import { isReused } from '../../base/identity-memo.ts';
import { defaultTableBytes } from '../constants.ts';
import type { Headers } from './decoder.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';
import { DynamicTable, staticTable } from './tables.ts';

const staticByField = new Map<string, number>();
const staticByName = new Map<string, number>();
staticTable.forEach(([name, value], i) => {
  staticByField.set(`${name}\0${value}`, i + 1);
  if (!staticByName.has(name)) staticByName.set(name, i + 1);
});

/** Never indexed, and marked so for those behind (§7.1.3): a shared table must not tell who guesses them. */
const sensitive: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
]);
/** Differ in each message, so that an entry would only push useful ones out. */
const varying: ReadonlySet<string> = new Set([
  'grpc-timeout',
  'content-length',
  'date',
  'x-request-id',
  'traceparent',
  'etag',
  'age',
]);
/** Longer blocks are rare, in bytes. */
const maxView = 256;
/** Fields seen once that are waited for a second time. */
const maxSeen = 256;

interface Memo {
  readonly generation: number;
  readonly bytes: Buffer;
}

/**
 * Encodes the header blocks of one connection, in order, with its dynamic table of at most the default size
 * (RFC 7541).
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(defaultTableBytes);
  /** "name\0value" to the entry's number in order of adding. */
  readonly #entries = new Map<string, number>();
  #seen = new Set<string>();
  readonly #memo = new WeakMap<Headers, Memo>();
  /** The smallest table size that the peer has set since the last block; undefined when it set none. */
  #smallestSize: number | undefined;
  #tableBytes = defaultTableBytes;
  #out = Buffer.allocUnsafe(4096);
  /** Beginnings of #out by their length: blocks have few, and a view costs more to make than most blocks to write. */
  #views: (Buffer | undefined)[] = [];
  #at = 0;
  #count = 0;

  constructor() {
    this.#table.onEvict = (name, value) => {
      this.#entries.delete(`${name}\0${value}`);
    };
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; more than the default is not used. */
  setTableSize(bytes: number): void {
    const size = Math.min(bytes, defaultTableBytes);
    if (size === this.#tableBytes) return;
    this.#tableBytes = size;
    this.#smallestSize = Math.min(size, this.#smallestSize ?? size);
    this.#table.resize(size);
  }

  /** The block of `headers` followed by `extra`. The result is valid until the next call. */
  encode(headers: Headers, extra?: Headers): Buffer {
    this.#at = 0;
    if (this.#smallestSize !== undefined) {
      if (this.#smallestSize < this.#tableBytes) this.#integer(this.#smallestSize, 5, 0x20);
      this.#integer(this.#tableBytes, 5, 0x20);
      this.#smallestSize = undefined;
    }
    const memo = this.#memo.get(headers);
    if (memo !== undefined && memo.generation === this.#table.generation) {
      if (extra === undefined && this.#at === 0) return memo.bytes;
      this.#room(memo.bytes.length);
      this.#at += memo.bytes.copy(this.#out, this.#at);
    } else {
      const from = this.#at;
      const { generation } = this.#table;
      for (let i = 0; i < headers.length; i += 2) this.#field(headers[i] as string, headers[i + 1] as string);
      // remembered only when nothing was added to the table on the way, since those bytes would add it again
      if (generation === this.#table.generation && isReused(headers)) {
        this.#memo.set(headers, { generation, bytes: Buffer.from(this.#out.subarray(from, this.#at)) });
      }
    }
    if (extra !== undefined) {
      for (let i = 0; i < extra.length; i += 2) this.#field(extra[i] as string, extra[i + 1] as string);
    }
    return this.#view(this.#at);
  }

  #view(length: number): Buffer {
    if (length > maxView) return this.#out.subarray(0, length);
    return (this.#views[length] ??= this.#out.subarray(0, length));
  }

  #field(name: string, value: string): void {
    if (varying.has(name)) {
      this.#literal(staticByName.get(name) ?? 0, 4, 0, name, value);
      return;
    }
    const key = `${name}\0${value}`;
    const fixed = staticByField.get(key);
    if (fixed !== undefined) {
      this.#integer(fixed, 7, 0x80);
      return;
    }
    const number = this.#entries.get(key);
    if (number !== undefined) {
      this.#integer(staticTable.length + this.#count - number, 7, 0x80);
      return;
    }
    const nameIndex = staticByName.get(name) ?? 0;
    if (sensitive.has(name)) this.#literal(nameIndex, 4, 0x10, name, value);
    else if (!this.#worthIndexing(key)) this.#literal(nameIndex, 4, 0, name, value);
    else {
      this.#literal(nameIndex, 6, 0x40, name, value);
      this.#table.add(name, value);
      this.#count++;
      if (this.#table.name(0) === name && this.#table.value(0) === value)
        this.#entries.set(key, this.#count - 1);
    }
  }

  /** Seen before: metadata that differs from call to call must not push the useful entries out. */
  #worthIndexing(key: string): boolean {
    if (key.length + 32 > this.#tableBytes) return false;
    if (this.#seen.delete(key)) return true;
    if (this.#seen.size >= maxSeen) this.#seen = new Set();
    this.#seen.add(key);
    return false;
  }

  #literal(nameIndex: number, prefixBits: number, pattern: number, name: string, value: string): void {
    this.#integer(nameIndex, prefixBits, pattern);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
  }

  #room(bytes: number): void {
    if (this.#out.length - this.#at >= bytes) return;
    const bigger = Buffer.allocUnsafe((this.#out.length + bytes) * 2);
    this.#out.copy(bigger, 0, 0, this.#at);
    this.#out = bigger;
    this.#views = [];
  }

  #integer(value: number, prefixBits: number, pattern: number): void {
    this.#room(6);
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.#out[this.#at++] = pattern | value;
      return;
    }
    this.#out[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) this.#out[this.#at++] = (rest & 0x7f) | 0x80;
    this.#out[this.#at++] = rest;
  }

  #string(text: string): void {
    this.#room(text.length + 6);
    const coded = huffmanLength(text);
    if (coded < text.length) {
      this.#integer(coded, 7, 0x80);
      this.#at = encodeHuffman(text, this.#out, this.#at);
    } else {
      this.#integer(text.length, 7, 0);
      this.#at += this.#out.write(text, this.#at, 'latin1');
    }
  }
}

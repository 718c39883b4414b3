/** The tables of HPACK (RFC 7541 §2.3): the static one, and the dynamic one that each direction of a connection has. */

/** Appendix A, entries 1 to 61. */
export const staticTable: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** Every entry costs its two lengths and this much (§4.1). */
const entryOverhead = 32;

/** The newest entry is number 0 here, 62 on the wire. */
export class DynamicTable {
  #names: string[] = [];
  #values: string[] = [];
  /** Where the newest entry stands: entries are appended, the oldest ones dropped from the front now and then. */
  #first = 0;
  #bytes = 0;
  #maxBytes: number;
  /** Changes whenever an entry comes or goes: what was encoded or decoded before may mean something else now. */
  generation = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#names.length - this.#first;
  }

  /** Entries that were ever added; entry i of now is number (added - 1 - i). */
  get added(): number {
    return this.#dropped + this.#names.length;
  }
  #dropped = 0;

  name(index: number): string | undefined {
    const at = this.#names.length - 1 - index;
    return at < this.#first ? undefined : this.#names[at];
  }

  value(index: number): string | undefined {
    const at = this.#names.length - 1 - index;
    return at < this.#first ? undefined : this.#values[at];
  }

  add(name: string, value: string): void {
    this.generation++;
    const size = name.length + value.length + entryOverhead;
    this.#evict(this.#maxBytes - size);
    if (size > this.#maxBytes) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#bytes += size;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  /** Calls back for each entry that goes, oldest first. */
  onEvict: ((name: string, value: string) => void) | undefined;

  #evict(target: number): void {
    while (this.#bytes > Math.max(0, target) && this.length > 0) {
      const name = this.#names[this.#first] as string;
      const value = this.#values[this.#first] as string;
      this.#first++;
      this.#bytes -= name.length + value.length + entryOverhead;
      this.generation++;
      this.onEvict?.(name, value);
    }
    if (this.#first > 64 && this.#first * 2 > this.#names.length) {
      this.#names = this.#names.slice(this.#first);
      this.#values = this.#values.slice(this.#first);
      this.#dropped += this.#first;
      this.#first = 0;
    }
  }
}

/** The Huffman code of HPACK (RFC 7541 Appendix B). It is canonical, so the lengths of the codes say all. */

/** Bits of the code of each byte value, then of EOS, as runs of "value x count" in order. */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const eos = 256;
const maxLength = 30;

const codes = new Uint32Array(lengths.length);
{
  let code = 0;
  for (let length = 1; length <= maxLength; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++)
      if (lengths[symbol] === length) codes[symbol] = code++;
    code *= 2;
  }
}

/**
 * The decoder reads four bits at a time. A state is an inner node of the code's tree; next[state * 16 + nibble] packs
 * where that leads and which byte it gave: state << 10 | emits << 9 | accepting << 8 | byte; 0xffffffff is an error.
 */
const invalid = 0xffffffff;
const next = buildTable();

interface Node {
  readonly children: [Node | number | undefined, Node | number | undefined];
  readonly id: number;
  /** All bits on the way from the root are ones, fewer than eight: a legal place to end (padding). */
  readonly accepting: boolean;
}

function buildTable(): Uint32Array {
  const nodes: Node[] = [];
  const make = (accepting: boolean): Node => {
    const node: Node = { children: [undefined, undefined], id: nodes.length, accepting };
    nodes.push(node);
    return node;
  };
  const root = make(true);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    let node = root;
    let ones = true;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = ((codes[symbol] as number) >>> bit) & 1;
      ones = ones && side === 1;
      if (bit === 0) node.children[side] = symbol;
      else {
        const depth = length - bit;
        const child = (node.children[side] as Node | undefined) ?? make(ones && depth < 8);
        node.children[side] = child;
        node = child;
      }
    }
  }
  const table = new Uint32Array(nodes.length * 16);
  for (const start of nodes) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = start;
      let emitted: number | undefined;
      let broken = false;
      for (let bit = 3; bit >= 0 && !broken; bit--) {
        const child = node.children[(nibble >>> bit) & 1];
        if (child === undefined || child === eos) broken = true;
        else if (typeof child === 'number') {
          emitted = child;
          node = root;
        } else node = child;
      }
      table[start.id * 16 + nibble] = broken
        ? invalid
        : ((node.id << 10) |
            (emitted === undefined ? 0 : 0x200) |
            (node.accepting ? 0x100 : 0) |
            (emitted ?? 0)) >>>
          0;
    }
  }
  return table;
}

/** Decodes bytes [from, to) to a latin1 string; undefined when they are no valid code. */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | undefined {
  let text = '';
  let state = 0;
  let accepting = true;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    let entry = next[state * 16 + (byte >>> 4)] as number;
    if (entry === invalid) return undefined;
    if ((entry & 0x200) !== 0) text += String.fromCharCode(entry & 0xff);
    entry = next[(entry >>> 10) * 16 + (byte & 15)] as number;
    if (entry === invalid) return undefined;
    if ((entry & 0x200) !== 0) text += String.fromCharCode(entry & 0xff);
    accepting = (entry & 0x100) !== 0;
    state = entry >>> 10;
  }
  return accepting ? text : undefined;
}

/** Bytes that the code of a latin1 string takes. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff] as number;
  return (bits + 7) >>> 3;
}

/** Writes the code of a latin1 string at `at`, padded with ones; returns where it ends. */
export function encodeHuffman(text: string, out: Uint8Array, at: number): number {
  let held = 0;
  let bits = 0;
  let to = at;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let length = lengths[symbol] as number;
    const code = codes[symbol] as number;
    // up to 7 bits are held, so a long code goes in two parts to stay within 32
    if (length > 16) {
      length -= 16;
      held = (held << length) | (code >>> 16);
      bits += length;
      for (; bits >= 8; bits -= 8) out[to++] = held >>> (bits - 8);
      held &= 0xff;
      held = (held << 16) | (code & 0xffff);
      bits += 16;
    } else {
      held = (held << length) | code;
      bits += length;
    }
    for (; bits >= 8; bits -= 8) out[to++] = held >>> (bits - 8);
    held &= 0xff;
  }
  if (bits > 0) out[to++] = (held << (8 - bits)) | (0xff >>> bits);
  return to;
}

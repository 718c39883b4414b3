/** JSON as a tree that keeps the text of its numbers, and printed anew as messages show it: the oracle's reader. */
import { Buffer } from 'node:buffer';

export class Refusal extends Error {
  readonly code: string;
  constructor(message: string, code = 'INVALID_ARGUMENT') {
    super(message);
    this.code = code;
  }
}

/** The text is no JSON; where exactly is not the oracle's business. */
export const syntaxError = 'JSON Parse error';

export type Node =
  | { kind: 'Null' | 'True' | 'False'; raw: string }
  | { kind: 'Number'; raw: string }
  | { kind: 'String'; raw: string; bytes: Buffer }
  | { kind: 'Array'; items: Node[] }
  | { kind: 'Object'; members: [name: string, value: Node, rawName: string][] };

const numberText = /-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|NaN|Infinity|Inf)/y;

/** UTF-8 of one code point, surrogates included. */
function utf8(point: number): number[] {
  if (point < 0xd800 || point > 0xdfff) return [...Buffer.from(String.fromCodePoint(point))];
  return [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
}

/**
 * What is between the quotes of a string that JSON allows, in bytes. A high surrogate needs a low one; a low one alone
 * passes, as in TensorFlow Serving's parser.
 */
function stringBytes(inside: string): Buffer | undefined {
  const bytes: number[] = [];
  for (const [token, hex, next] of inside.matchAll(
    /\\u(d[89ab]..)(?:\\u(d[c-f]..))?|\\u(?:....)|\\.|[^\\]+/gis,
  )) {
    if (hex !== undefined) {
      if (next === undefined) return undefined;
      bytes.push(...utf8(0x10000 + ((parseInt(hex, 16) - 0xd800) << 10) + (parseInt(next, 16) - 0xdc00)));
    } else if (token.startsWith('\\u')) bytes.push(...utf8(parseInt(token.slice(2), 16)));
    else bytes.push(...Buffer.from(token.startsWith('\\') ? (JSON.parse(`"${token}"`) as string) : token));
  }
  return Buffer.from(bytes);
}

/** Reads one value; what follows it is ignored. */
export function parse(text: string): Node {
  let at = 0;
  const fail = (): never => {
    throw new Refusal(syntaxError);
  };
  const blank = (): void => {
    while (' \n\r\t'.includes(text[at] ?? 'x')) at++;
  };
  const string = (): { raw: string; bytes: Buffer } => {
    const from = at;
    at++;
    while (text[at] !== '"') {
      if (at >= text.length || text.charCodeAt(at) < 0x20) fail();
      at += text[at] === '\\' ? 2 : 1;
    }
    at++;
    const raw = text.slice(from, at);
    try {
      JSON.parse(raw);
    } catch {
      fail();
    }
    const bytes = stringBytes(raw.slice(1, -1));
    return bytes === undefined ? fail() : { raw, bytes };
  };
  const value = (): Node => {
    blank();
    const first = text[at];
    if (first === '"') return { kind: 'String', ...string() };
    if (first === '[') {
      at++;
      const items: Node[] = [];
      blank();
      if (text[at] === ']') {
        at++;
        return { kind: 'Array', items };
      }
      for (;;) {
        items.push(value());
        blank();
        const next = text[at++];
        if (next === ']') return { kind: 'Array', items };
        if (next !== ',') fail();
      }
    }
    if (first === '{') {
      at++;
      const members: [string, Node, string][] = [];
      blank();
      if (text[at] === '}') {
        at++;
        return { kind: 'Object', members };
      }
      for (;;) {
        blank();
        if (text[at] !== '"') fail();
        const name = string();
        blank();
        if (text[at++] !== ':') fail();
        members.push([name.bytes.toString(), value(), name.raw]);
        blank();
        const next = text[at++];
        if (next === '}') return { kind: 'Object', members };
        if (next !== ',') fail();
      }
    }
    for (const [word, kind] of [
      ['null', 'Null'],
      ['true', 'True'],
      ['false', 'False'],
    ] as const) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return { kind, raw: word };
    }
    numberText.lastIndex = at;
    const match = numberText.exec(text);
    if (match === null) return fail();
    at += match[0].length;
    // a number may not go on in a way that its grammar lacks
    if (/^[.eE]/.test(text.slice(at, at + 1))) fail();
    if (/^-?[0-9]/.test(match[0]) && !Number.isFinite(Number(match[0]))) fail();
    return { kind: 'Number', raw: match[0] };
  };
  return value();
}

/** A value printed anew, up to the first token that would start after 256 bytes. */
export function print(node: Node): string {
  let out = '';
  const put = (text: string): void => {
    if (out.length <= 256) out += text;
  };
  const indent = (depth: number): string => `\n${'    '.repeat(depth)}`;
  const walk = (each: Node, depth: number): void => {
    if (each.kind === 'Array') {
      put('[');
      each.items.forEach((item, i) => {
        if (i > 0) put(', ');
        walk(item, depth);
      });
      put(']');
    } else if (each.kind === 'Object') {
      put('{');
      each.members.forEach(([, value, rawName], i) => {
        if (i > 0) put(',');
        put(`${indent(depth + 1)}${rawName}: `);
        walk(value, depth + 1);
      });
      put(each.members.length > 0 ? `${indent(depth)}}` : '}');
    } else put(each.raw);
  };
  walk(node, 0);
  return out;
}

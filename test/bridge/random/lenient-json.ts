/** JSON as servers write it: every digit of a number, every byte of a string, also those that are no UTF-8, and NaN. */
import { Buffer } from 'node:buffer';

export interface JsonNumber {
  /** As it stands there. */
  readonly number: string;
}
/** A string is its bytes. */
export type Json = null | boolean | JsonNumber | Buffer | readonly Json[] | { readonly [name: string]: Json };

export const isNumber = (json: Json | undefined): json is JsonNumber =>
  typeof json === 'object' && json !== null && !Buffer.isBuffer(json) && 'number' in json;

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
};
const word = /true|false|null|-?(?:NaN|Infinity|inf|nan)|-?[0-9][-+.0-9eE]*/y;

/** @throws SyntaxError */
export function parseLenient(body: Buffer): Json {
  // each byte is a character
  const text = body.toString('latin1');
  let at = 0;
  const fault = (): SyntaxError => new SyntaxError(`no JSON at ${at}: ${text.slice(at, at + 40)}`);
  const space = (): void => {
    while (/\s/.test(text[at] ?? '')) at++;
  };
  const take = (char: string): boolean => {
    space();
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const need = (char: string): void => {
    if (!take(char)) throw fault();
  };
  function string(): Buffer {
    need('"');
    const parts: Buffer[] = [];
    for (;;) {
      const from = at;
      while (at < text.length && text[at] !== '"' && text[at] !== '\\') at++;
      parts.push(body.subarray(from, at));
      if (at >= text.length) throw fault();
      if (text[at++] === '"') return Buffer.concat(parts);
      const kind = text[at++] ?? '';
      if (kind !== 'u') {
        const char = escapes[kind];
        if (char === undefined) throw fault();
        parts.push(Buffer.from(char));
        continue;
      }
      let units = '';
      for (;;) {
        units += String.fromCharCode(Number.parseInt(text.slice(at, at + 4), 16));
        at += 4;
        // the other half of a pair
        if (text.slice(at, at + 2) !== '\\u' || !/[\ud800-\udbff]$/.test(units)) break;
        at += 2;
      }
      parts.push(Buffer.from(units));
    }
  }
  function value(): Json {
    space();
    if (text[at] === '"') return string();
    if (take('[')) {
      const list: Json[] = [];
      if (take(']')) return list;
      do list.push(value());
      while (take(','));
      need(']');
      return list;
    }
    if (take('{')) {
      const members: [string, Json][] = [];
      if (take('}')) return {};
      do {
        space();
        const name = string().toString();
        need(':');
        members.push([name, value()]);
      } while (take(','));
      need('}');
      return Object.fromEntries(members);
    }
    word.lastIndex = at;
    const [found] = word.exec(text) ?? [];
    if (found === undefined) throw fault();
    at += found.length;
    if (found === 'null') return null;
    return found === 'true' || found === 'false' ? found === 'true' : { number: found };
  }
  const root = value();
  space();
  if (at < text.length) throw fault();
  return root;
}

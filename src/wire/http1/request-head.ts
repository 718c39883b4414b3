/**
 * Request heads of HTTP/1.1 that are plain: one way to frame the body, nothing obsolete, no other protocol (RFC
 * 9112). Whatever is not is left to a general server; being strict is what keeps two readers of one connection from
 * disagreeing.
 */
import { markReused } from '../../base/identity-memo.ts';
import { withoutBlanks } from '../field-whitespace.ts';
import type { Headers } from '../hpack/index.ts';
import { fieldLine } from './field.ts';
import { isHostValue, readAbsoluteTarget } from './target.ts';

export interface Http1Head {
  /** As HTTP/2 has them: `:method` and `:path` first, names in lower case. */
  readonly fields: Headers;
  /** Of the body; -1 when it is chunked. */
  readonly bodyBytes: number;
  /** The client sends no request after this one. */
  readonly last: boolean;
  /** The client waits with the body until it is told to go on (Expect: 100-continue). */
  readonly waits: boolean;
}

/** Heads that clients send again and again are read once; a head longer than this is read each time. */
const maxMemos = 256;
const maxMemoBytes = 2048;

/** HEAD is not among them: its answers end where those of no other method do. */
const requestLine = /^(GET|POST|PUT|PATCH|DELETE|OPTIONS) ([!-~]+) HTTP\/1\.1$/;
/** They ask for more than an answer (another protocol, trailers) and need a general server. */
const unusual: ReadonlySet<string> = new Set(['upgrade', 'trailer', 'http2-settings', 'proxy-connection']);

/** Undefined: it came once. A head that says the length of its body, or names its request, may never come again. */
const known = new Map<string, Http1Head | undefined>();

/** @param text a head without the blank line at its end; undefined when it is not plain */
export function readHttp1Head(text: string): Http1Head | undefined {
  const memo = known.get(text);
  if (memo !== undefined) return memo;
  const head = read(text);
  if (head !== undefined && text.length <= maxMemoBytes) {
    const again = known.has(text);
    if (known.size >= maxMemos && !again) known.clear();
    known.set(text, again ? head : undefined);
    if (again) markReused(head.fields);
  }
  return head;
}

function read(text: string): Http1Head | undefined {
  const lines = text.split('\r\n');
  const first = requestLine.exec(lines[0] as string);
  if (first === null) return undefined;
  const [, method = '', target = ''] = first;
  const absolute = target.startsWith('/') ? undefined : readAbsoluteTarget(target, method);
  const path = absolute?.path ?? target;
  if (!path.startsWith('/')) return undefined;
  const fields: string[] = [':method', method, ':path', path];
  let host = 0;
  let length: number | undefined;
  let chunked = false;
  let connection: string | undefined;
  let waits = false;
  for (let i = 1; i < lines.length; i++) {
    const match = fieldLine.exec(lines[i] as string);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    let value = withoutBlanks(match[2] as string);
    if (unusual.has(name)) return undefined;
    switch (name) {
      case 'host':
        host++;
        if (!isHostValue(value)) return undefined;
        if (absolute !== undefined) value = absolute.authority;
        break;
      case 'content-length':
        if (length !== undefined || !/^[0-9]{1,15}$/.test(value)) return undefined;
        length = Number(value);
        break;
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked') return undefined;
        chunked = true;
        break;
      case 'connection':
        if (connection !== undefined) return undefined;
        connection = value.toLowerCase();
        if (connection !== 'keep-alive' && connection !== 'close') return undefined;
        break;
      case 'expect':
        if (waits || value.toLowerCase() !== '100-continue') return undefined;
        waits = true;
        break;
    }
    fields.push(name, value);
  }
  if (host !== 1 || (chunked && length !== undefined)) return undefined;
  return { fields, bodyBytes: chunked ? -1 : (length ?? 0), last: connection === 'close', waits };
}

/**
 * Our reader of HTTP/1.1 against llhttp, which Node's server is built on and others have fuzzed for years: what ours
 * takes, llhttp takes, and both read the same in it. What ours leaves goes to llhttp anyway. Decision 21 has what it
 * would cost to have llhttp read all.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { ChunkedBody } from '../../src/wire/http1/body.ts';
import { readHttp1Head } from '../../src/wire/http1/request-head.ts';
import { seeded } from '../support/random.ts';

/** More for a longer search: LLHTTP_RUNS=1000000. */
const runs = Number(process.env.LLHTTP_RUNS ?? 40_000);
const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 9112);

interface Reading {
  /** llhttp's error code; 0 is none. */
  error: number;
  method: number;
  url: string;
  readonly fields: string[];
  headDone: boolean;
  keepAlive: boolean;
  body: string;
  ends: number;
}

/** The compiler knows no WebAssembly without a browser's types. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};
type Exports = Record<'memory', { buffer: ArrayBuffer }> & Record<string, (...args: number[]) => number>;

/** undici's build of llhttp. Its numbers: 1 for requests; methods as in llhttp.h. */
const requests = 1;
const methods: Readonly<Record<string, number>> = {
  DELETE: 0,
  GET: 1,
  POST: 3,
  PUT: 4,
  OPTIONS: 6,
  PATCH: 28,
};
const maxBytes = 65_536;

const reader = (() => {
  const require = createRequire(import.meta.url);
  const code = require('undici/lib/llhttp/llhttp_simd-wasm.js') as Uint8Array<ArrayBuffer>;
  let reading: Reading;
  let parser = 0;
  const text = (at: number, length: number): string =>
    Buffer.from(wasm.memory.buffer, at, length).toString('latin1');
  // a name or a value may come in pieces
  let last: 'name' | 'value' = 'value';
  const env = {
    wasm_on_message_begin: () => 0,
    wasm_on_status: () => 0,
    wasm_on_url: (_: number, at: number, length: number) => ((reading.url += text(at, length)), 0),
    wasm_on_header_field: (_: number, at: number, length: number) => {
      // what comes behind the body are trailers
      if (reading.headDone) return 0;
      if (last === 'value') reading.fields.push('', '');
      last = 'name';
      reading.fields[reading.fields.length - 2] += text(at, length);
      return 0;
    },
    wasm_on_header_value: (_: number, at: number, length: number) => {
      if (reading.headDone) return 0;
      last = 'value';
      reading.fields[reading.fields.length - 1] += text(at, length);
      return 0;
    },
    wasm_on_headers_complete: (_: number, _status: number, _upgrade: number, keepAlive: number) => {
      reading.headDone = true;
      reading.keepAlive = keepAlive === 1;
      reading.method = wasm.llhttp_get_method?.(parser) ?? -1;
      return 0;
    },
    wasm_on_body: (_: number, at: number, length: number) => ((reading.body += text(at, length)), 0),
    wasm_on_message_complete: () => (reading.ends++, 0),
  };
  const wasm = new WebAssembly.Instance(new WebAssembly.Module(code), { env }).exports as Exports;
  const memory = wasm.malloc?.(maxBytes) ?? 0;
  return (bytes: Buffer): Reading => {
    reading = {
      error: 0,
      method: -1,
      url: '',
      fields: [],
      headDone: false,
      keepAlive: false,
      body: '',
      ends: 0,
    };
    last = 'value';
    parser = wasm.llhttp_alloc?.(requests) ?? 0;
    new Uint8Array(wasm.memory.buffer, memory, bytes.length).set(bytes);
    reading.error = wasm.llhttp_execute?.(parser, memory, bytes.length) ?? -1;
    wasm.llhttp_free?.(parser);
    return reading;
  };
})();

const blanks = /^[ \t]+|[ \t]+$/g;

/** Reads a head both ways, and says where they differ. */
function differenceIn(head: string, body: Buffer): string | undefined {
  const ours = readHttp1Head(head);
  if (ours === undefined) return undefined;
  const theirs = reader(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body]));
  // llhttp reads a tab at the end of these as a part of the value, where RFC 9110 §5.5 has it away
  if (/^(content-length|connection|transfer-encoding):.*\t[ \t]*(\r|$)/im.test(head)) return undefined;
  if (!theirs.headDone) return `llhttp refuses it with ${theirs.error}`;
  const [, method = '', , path = '', ...fields] = ours.fields;
  if (theirs.method !== methods[method]) return `method ${theirs.method}, not ${method}`;
  const target = theirs.url.replace(/^https?:\/\/[^/?#]*/i, '');
  if ((target.startsWith('/') ? target : `/${target}`) !== path) return `target ${theirs.url}, not ${path}`;
  const said = theirs.fields.map((part, i) => (i % 2 === 0 ? part.toLowerCase() : part.replace(blanks, '')));
  // the authority of an absolute target stands in the place of Host (RFC 9112 §3.2.2)
  const isHost = (i: number): boolean => said[i - (i % 2)] === 'host';
  const differs = said.some((part, i) => part !== fields[i] && !(theirs.url !== path && isHost(i)));
  if (differs || said.length !== fields.length) return `fields ${JSON.stringify([said, fields])}`;
  if (theirs.keepAlive === ours.last)
    return `keep-alive ${String(theirs.keepAlive)}, last ${String(ours.last)}`;
  if (ours.bodyBytes === -1) return differenceInChunks(theirs, body);
  const wanted = body.toString('latin1', 0, ours.bodyBytes);
  const isWhole = body.length >= ours.bodyBytes;
  if (theirs.body !== wanted || (isWhole && theirs.ends === 0))
    return `a body of ${theirs.body.length}, not ${wanted.length} bytes`;
  return undefined;
}

function differenceInChunks(theirs: Reading, body: Buffer): string | undefined {
  const ours = new ChunkedBody();
  let data = '';
  const at = ours.read(body, 0, (part) => (data += part.toString('latin1')));
  // ours may refuse what llhttp takes, and not the other way round
  if (at === -1) return undefined;
  if (ours.done !== theirs.ends > 0)
    return `chunks end ${ours.done ? 'here' : 'there'} only (${theirs.error})`;
  // ours reads a line when it is whole
  const refuses = (): boolean => ours.read(Buffer.from('\r\n'), 0, () => undefined) === -1;
  if (!ours.done && theirs.error !== 0 && !refuses()) return `llhttp refuses chunks with ${theirs.error}`;
  return data === theirs.body ? undefined : `chunks of ${theirs.body.length}, not ${data.length} bytes`;
}

const host = 'Host: a.example';
const start = 'POST /v1/models/m:predict HTTP/1.1';
/** By RFC 9112: a head, and whether ours may take it. */
const rules: readonly (readonly [rule: string, head: string, taken: boolean])[] = [
  ['§3 a request line has one space between its parts', `POST  / HTTP/1.1\r\n${host}`, false],
  ['§3 a request line ends behind its version', `POST / HTTP/1.1 \r\n${host}`, false],
  ['§2.3 the version is HTTP/1.1', `POST / HTTP/1.2\r\n${host}`, false],
  ['§2.3 the name of the version is upper case', `POST / http/1.1\r\n${host}`, false],
  ['§2.2 lines end with CRLF, not LF', `${start}\n${host}`, false],
  ['§2.2 there is no bare CR', `${start}\r\n${host}\r\nx: a\rb`, false],
  ['§2.2 nothing stands between the line and the first field', `${start}\r\n ${host}`, false],
  ['§3.2 a target has no blank', `POST /a b HTTP/1.1\r\n${host}`, false],
  ['§3.2 a target has no control character', `POST /a\x01 HTTP/1.1\r\n${host}`, false],
  ['§3.2 Host comes once', `${start}\r\n${host}\r\n${host}`, false],
  ['§3.2 Host is there', `${start}\r\nx: y`, false],
  ['§3.2.2 an absolute target is served', `POST http://b.example/x HTTP/1.1\r\n${host}`, true],
  ['§5.1 no blank stands before the colon', `${start}\r\n${host}\r\nx : y`, false],
  ['§5.1 a name is a token', `${start}\r\n${host}\r\nx(: y`, false],
  ['§5.1 a name is not empty', `${start}\r\n${host}\r\n: y`, false],
  ['§5.2 lines are not folded', `${start}\r\n${host}\r\nx: a\r\n b`, false],
  ['RFC 9110 §5.5 a value has no NUL', `${start}\r\n${host}\r\nx: a\0b`, false],
  [
    '§6.1 Transfer-Encoding and Content-Length exclude each other',
    `${start}\r\n${host}\r\ntransfer-encoding: chunked\r\ncontent-length: 3`,
    false,
  ],
  ['§6.1 the last coding is chunked', `${start}\r\n${host}\r\ntransfer-encoding: chunked, gzip`, false],
  [
    '§6.1 chunked comes once',
    `${start}\r\n${host}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked`,
    false,
  ],
  ['§6.1 a coding that is nearly chunked', `${start}\r\n${host}\r\ntransfer-encoding: xchunked`, false],
  ['§6.3 a length is digits', `${start}\r\n${host}\r\ncontent-length: +3`, false],
  ['§6.3 a length is no list', `${start}\r\n${host}\r\ncontent-length: 3, 3`, false],
  ['§6.3 lengths do not differ', `${start}\r\n${host}\r\ncontent-length: 3\r\ncontent-length: 4`, false],
  ['§6.3 a length fits', `${start}\r\n${host}\r\ncontent-length: 99999999999999999999`, false],
  ['§9.3 a connection stays without a word', `${start}\r\n${host}`, true],
  ['§9.6 a connection may be closed', `${start}\r\n${host}\r\nconnection: close`, true],
  [
    'RFC 9110 §7.8 another protocol is left to others',
    `${start}\r\n${host}\r\nconnection: upgrade\r\nupgrade: h2c`,
    false,
  ],
];

describe('plain requests of HTTP/1.1', () => {
  for (const [rule, head, taken] of rules)
    it(`${rule}: ${taken ? 'taken, and read as llhttp does' : 'left'}`, () => {
      assert.equal(readHttp1Head(head) !== undefined, taken);
      assert.equal(differenceIn(head, Buffer.from('0\r\n\r\n')), undefined);
    });

  it(`are read as llhttp reads them, ${runs} random ones (seed ${seed})`, (t) => {
    const random = seeded(seed);
    const below = (n: number): number => Math.floor(random() * n);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
    const noise = [
      ' ',
      '\t',
      '\r',
      '\n',
      '\r\n',
      '\0',
      ':',
      ',',
      ';',
      '\x7f',
      '\x80',
      '\xff',
      '"',
      '0',
      'a',
      '\x0b',
    ];
    const lines = [
      host,
      'content-type: application/json',
      'accept: */*',
      'x: \t a b \t',
      'connection: close',
      'connection: keep-alive',
      'Connection: Close',
      'expect: 100-continue',
      'content-length: 5',
      'content-length: 0',
      'Content-Length:12 ',
      'transfer-encoding: chunked',
      'Transfer-Encoding: CHUNKED',
      'transfer-encoding: gzip, chunked',
      'x-empty:',
      'cookie: a=b; c="d"',
      'te: trailers',
      'proxy-connection: keep-alive',
    ];
    const firsts = [
      start,
      'GET / HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'PUT /x?y=z#f HTTP/1.1',
      'GET http://u@h:80/p HTTP/1.1',
      'GET HTTP://h/p?q HTTP/1.1',
      'GET http://h?q HTTP/1.1',
      'DELETE //x HTTP/1.1',
      'PATCH /%2e/\\ HTTP/1.1',
      'GET /x HTTP/1.0',
      'PRI * HTTP/2.0',
    ];
    const sizes = [
      '0',
      '5',
      '05',
      'a',
      'A',
      '1;x=y',
      '3 ;n',
      '00000005',
      '5;"\\"',
      '-1',
      '0x5',
      '',
      '10000000000000000',
    ];
    const mutated = (text: string, times: number): string => {
      let out = text;
      for (let i = 0; i < times; i++) {
        const at = below(out.length + 1);
        out = pick([
          () => out.slice(0, at) + pick(noise) + out.slice(at),
          () => out.slice(0, at) + pick(noise) + out.slice(at + 1),
          () => out.slice(0, at) + out.slice(at + 1 + below(3)),
        ])();
      }
      return out;
    };
    const chunk = (): string => {
      const size = pick(sizes);
      return `${size}\r\n${'d'.repeat(Number.parseInt(size, 16) > 64 ? 3 : Math.max(0, Number.parseInt(size, 16) || 0))}\r\n`;
    };
    let taken = 0;
    for (let run = 0; run < runs; run++) {
      const count = 1 + below(5);
      const fields = [host, ...Array.from({ length: count }, () => pick(lines))].slice(
        below(8) === 0 ? 1 : 0,
      );
      const plain = `${pick(firsts)}\r\n${fields.join('\r\n')}`;
      const head = mutated(plain, pick([0, 0, 1, 1, 2, 3]));
      // what a reader is given ends at the first blank line
      if (head.includes('\r\n\r\n')) continue;
      const chunks = Array.from({ length: below(4) }, chunk).join('');
      const text = mutated(
        `${chunks}${pick(['0\r\n\r\n', '0\r\nx: y\r\n\r\n', '', 'hello world!'])}`,
        pick([0, 0, 1, 2]),
      );
      const body = Buffer.from(text, 'latin1');
      if (readHttp1Head(head) !== undefined) taken++;
      const difference = differenceIn(head, body);
      assert.equal(difference, undefined, `${String(difference)}\n${JSON.stringify([head, text])}`);
    }
    t.diagnostic(`${taken} of ${runs} were taken`);
    assert.ok(taken > runs / 20);
  });
});

/** Which field lists are well formed (RFC 9113 §8), and what is taken of them: looked at once per list object. */
import { recur, recurs, remembered } from '../recurring.ts';
import { hasBlanks, withoutBlanks } from './blanks.ts';
import { type Headers, noHeaders } from './hpack-decoder.ts';

/** What a list says about its message. */
export interface Checked {
  readonly ok: boolean;
  /** The list to go on with: itself, or what is left of it without what its peer should not have written. */
  readonly fields: Headers;
  /** -1 without content-length. */
  readonly contentLength: number;
  /** Of a response; 0 otherwise. */
  readonly status: number;
}

/** Fields that belong to an HTTP/1.1 connection (§8.2.2). */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

const malformed: Checked = { ok: false, fields: noHeaders, contentLength: -1, status: 0 };

/** Lower case, no control characters, no separators that would let a name pass for something else (§8.2.1). */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const invalidValue = /[\0\r\n]/;
/** A token (RFC 9110 §9.1), and a path without white space and control characters: neither can end the line of an HTTP/1.1 request. */
const validMethod = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const invalidPath = /[\0-\x20\x7f]/;

/**
 * Without white space around the values, or the list itself when there is none. RFC 9113 §8.2.1 forbids it, and gRPC says that
 * it may be stripped (PROTOCOL-HTTP2.md, ASCII-Value): servers on grpc-core and grpc-go end a grpc-message with a space, and those
 * on nghttp2 throw a field away that has some. So nobody behind may see it. Not in pseudo-headers: those name what is asked.
 */
function stripped(fields: Headers): Headers {
  for (let i = 1; i < fields.length; i += 2) {
    if (hasBlanks(fields[i] as string) && (fields[i - 1] as string).charCodeAt(0) !== 58 /* : */) {
      const made = fields.map((text, at) => (at % 2 === 0 || at < i ? text : withoutBlanks(text)));
      return recurs(fields) ? recur(made) : made;
    }
  }
  return fields;
}

function ordinary(name: string, value: string): boolean {
  if (!validName.test(name) || invalidValue.test(value)) return false;
  if (connectionSpecific.has(name)) return false;
  return name !== 'te' || value.toLowerCase() === 'trailers';
}

/** The pseudo-headers, by name; undefined when the list is malformed. */
function pseudoOf(fields: Headers, allowed: ReadonlySet<string>): Map<string, string> | undefined {
  const pseudo = new Map<string, string>();
  let regular = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.charCodeAt(0) !== 58 /* : */) {
      regular = true;
      if (!ordinary(name, value)) return undefined;
    } else {
      if (regular || !allowed.has(name) || pseudo.has(name)) return undefined;
      if (invalidValue.test(value) || hasBlanks(value)) return undefined;
      pseudo.set(name, value);
    }
  }
  return pseudo;
}

/** -1 without one, undefined when malformed or contradictory. */
function contentLengthOf(fields: Headers): number | undefined {
  let length = -1;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'content-length') continue;
    const value = fields[i + 1] as string;
    if (!/^[0-9]{1,15}$/.test(value) || (length !== -1 && length !== Number(value))) return undefined;
    length = Number(value);
  }
  return length;
}

const requestPseudo: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
const responsePseudo: ReadonlySet<string> = new Set([':status']);
const noPseudo: ReadonlySet<string> = new Set();

function request(list: Headers): Checked {
  const fields = stripped(list);
  const pseudo = pseudoOf(fields, requestPseudo);
  const contentLength = contentLengthOf(fields);
  if (pseudo === undefined || contentLength === undefined) return malformed;
  const method = pseudo.get(':method');
  const path = pseudo.get(':path');
  if (method === undefined || !validMethod.test(method)) return malformed;
  if (method === 'CONNECT') {
    if (path !== undefined || pseudo.has(':scheme') || !pseudo.has(':authority')) return malformed;
  } else if (path === undefined || path === '' || !pseudo.get(':scheme')) return malformed;
  else if (invalidPath.test(path)) return malformed;
  else if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return malformed;
  return { ok: true, fields, contentLength, status: 0 };
}

function response(list: Headers): Checked {
  const fields = stripped(list);
  const pseudo = pseudoOf(fields, responsePseudo);
  const contentLength = contentLengthOf(fields);
  const status = pseudo?.get(':status');
  if (status === undefined || contentLength === undefined || !/^[0-9]{3}$/.test(status)) return malformed;
  return { ok: true, fields, contentLength, status: Number(status) };
}

function trailers(list: Headers): Checked {
  const fields = stripped(list);
  if (pseudoOf(fields, noPseudo) === undefined) return malformed;
  return { ok: true, fields, contentLength: -1, status: 0 };
}

// the decoder gives repeated blocks as the same list, so most lists are checked already
export const checkRequest = remembered(request);
export const checkResponse = remembered(response);
export const checkTrailers = remembered(trailers);

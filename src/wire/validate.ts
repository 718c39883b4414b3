/** Which field lists are well formed (RFC 9113 §8): checked once per list object. */
import { remembered } from '../recurring.ts';
import type { Headers } from './hpack-decoder.ts';

/** What a list says about its message. */
export interface Checked {
  readonly ok: boolean;
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

const malformed: Checked = { ok: false, contentLength: -1, status: 0 };

/** Lower case, no control characters, no separators that would let a name pass for something else (§8.2.1). */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No NUL, CR or LF, no white space around. */
const invalidValue = /[\0\r\n]|^[ \t]|[ \t]$/;
/** A token (RFC 9110 §9.1), and a path without white space and control characters: neither can end the line of an HTTP/1.1 request. */
const validMethod = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const invalidPath = /[\0-\x20\x7f]/;

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
      if (regular || !allowed.has(name) || pseudo.has(name) || invalidValue.test(value)) return undefined;
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

function request(fields: Headers): Checked {
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
  return { ok: true, contentLength, status: 0 };
}

function response(fields: Headers): Checked {
  const pseudo = pseudoOf(fields, responsePseudo);
  const contentLength = contentLengthOf(fields);
  const status = pseudo?.get(':status');
  if (status === undefined || contentLength === undefined || !/^[0-9]{3}$/.test(status)) return malformed;
  return { ok: true, contentLength, status: Number(status) };
}

function trailers(fields: Headers): Checked {
  return pseudoOf(fields, noPseudo) === undefined ? malformed : { ok: true, contentLength: -1, status: 0 };
}

// the decoder gives repeated blocks as the same list, so most lists are checked already
export const checkRequest = remembered(request);
export const checkResponse = remembered(response);
export const checkTrailers = remembered(trailers);

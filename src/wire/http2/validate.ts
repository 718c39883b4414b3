/** Which field lists are well formed (RFC 9113 §8), and what is taken of them: looked at once per list object. */
import { connectionFields } from '../../base/http-fields.ts';
import { markReused, isReused, memoizeByIdentity } from '../../base/identity-memo.ts';
import { withoutBlanks } from '../field-whitespace.ts';
import { type Headers, noHeaders } from '../hpack/index.ts';

/** What a list says about its message. */
export interface Checked {
  readonly ok: boolean;
  /** What is malformed, to stand behind "answered with"; empty when nothing is. */
  readonly fault: string;
  /** The list to go on with: itself, or what is left of it without what its peer should not have written. */
  readonly fields: Headers;
  /** -1 without content-length, and of responses. */
  readonly contentLength: number;
  /** Of a response; of a request that is refused: what it is to be answered with, 0 when its stream has to be reset. */
  readonly status: number;
}

function malformed(fault: string, status = 0): Checked {
  return { ok: false, fault, fields: noHeaders, contentLength: -1, status };
}

/** Names of peers stand in messages: cut, and nothing in them ends a line. */
function faultIn(name: string, why: string): string {
  return `a malformed header field ${JSON.stringify(name.slice(0, 100))}: ${why}`;
}

/** Lower case, no control characters, no separators that would let a name pass for something else (§8.2.1). */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** All but the tab. */
const control = /[\0-\x08\x0a-\x1f\x7f]/;
const controls = /[\0-\x08\x0a-\x1f\x7f]/g;
/** What could end a line or a text for somebody behind: malformed wherever it stands (§8.2.1). */
const lineEnd = /[\0\r\n]/;
/**
 * A token (RFC 9110 §9.1), and a path without white space and control characters: neither can end the line of an
 * HTTP/1.1 request.
 */
const validMethod = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const invalidPath = /[\0-\x20\x7f]/;

const hex = (text: string): string => `%${text.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/**
 * A value as strict peers take it. White space at its ends is forbidden by RFC 9113 §8.2.1, and gRPC says that it may
 * be stripped (PROTOCOL-HTTP2.md, ASCII-Value): servers on grpc-core and grpc-go end a grpc-message with a space, and
 * those who read with nghttp2 throw the field away. Control characters of an answer, for which grpc-go refuses the
 * call, become spaces (RFC 9110 §5.5 leaves it to the reader); in a grpc-message they are encoded, as its writer
 * should have done.
 */
function cleaned(name: string, value: string): string {
  const kept = withoutBlanks(value);
  if (!control.test(kept)) return kept;
  return withoutBlanks(kept.replace(controls, (text) => (name === 'grpc-message' ? hex(text) : ' ')));
}

interface Read {
  /** The pseudo-headers, by name. */
  readonly pseudo: ReadonlyMap<string, string>;
  readonly fields: Headers;
  /** A client's field with a control character: no gRPC metadata, and nothing that HTTP/1.1 can say. */
  readonly refused: string | undefined;
}

/**
 * @param asked by a client: what belongs to another protocol may be meant to be read differently by those behind us
 *   (§8.2.2). In an answer it is left out: grpc-go and grpc-core do not look at it, either.
 * @returns what is malformed, if something is
 */
function read(list: Headers, allowed: ReadonlySet<string>, asked: boolean): Read | string {
  const pseudo = new Map<string, string>();
  let regular = false;
  /** Of what came so far, once that differs. */
  let clean: string[] | undefined;
  let refused: string | undefined;
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    const value = list[i + 1] as string;
    if (name.charCodeAt(0) === 58 /* : */) {
      if (regular) return faultIn(name, 'a pseudo-header behind other fields');
      if (!allowed.has(name)) return faultIn(name, 'no such pseudo-header here');
      if (pseudo.has(name)) return faultIn(name, 'it came twice');
      if (control.test(value) || withoutBlanks(value) !== value)
        return faultIn(name, 'white space or a control character in its value');
      pseudo.set(name, value);
      clean?.push(name, value);
      continue;
    }
    regular = true;
    if (!validName.test(name))
      return faultIn(name, /[A-Z]/.test(name) ? 'an upper-case letter in its name' : 'no valid name');
    const kept = cleaned(name, value);
    if (kept !== value && lineEnd.test(value)) return faultIn(name, 'NUL, CR or LF in its value');
    if (asked && control.test(value)) refused ??= faultIn(name, 'a control character in its value');
    const foreign = connectionFields.has(name) || (name === 'te' && kept.toLowerCase() !== 'trailers');
    if (foreign && asked) return faultIn(name, 'it belongs to HTTP/1.1');
    if (foreign || kept !== value) clean ??= list.slice(0, i);
    if (!foreign) clean?.push(name, kept);
  }
  if (clean === undefined) return { pseudo, fields: list, refused };
  return { pseudo, fields: isReused(list) ? markReused(clean) : clean, refused };
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
  const made = read(list, requestPseudo, true);
  if (typeof made === 'string') return malformed(made);
  const { pseudo, fields } = made;
  const contentLength = contentLengthOf(fields);
  if (contentLength === undefined) return malformed(faultIn('content-length', 'no length, or two'));
  const method = pseudo.get(':method');
  const path = pseudo.get(':path');
  if (method === undefined || !validMethod.test(method)) return malformed(faultIn(':method', 'no method'));
  if (method === 'CONNECT') {
    if (path !== undefined || pseudo.has(':scheme') || !pseudo.has(':authority'))
      return malformed('CONNECT with more than an authority');
  } else if (path === undefined || path === '' || !pseudo.get(':scheme'))
    return malformed('no :path or no :scheme');
  else if (invalidPath.test(path) || (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')))
    return malformed(faultIn(':path', 'no path'));
  if (made.refused !== undefined) return malformed(made.refused, 400);
  return { ok: true, fault: '', fields, contentLength, status: 0 };
}

function response(list: Headers): Checked {
  const made = read(list, responsePseudo, false);
  if (typeof made === 'string') return malformed(made);
  const { pseudo, fields } = made;
  const status = pseudo.get(':status');
  if (status === undefined) return malformed('a head without :status');
  if (!/^[0-9]{3}$/.test(status)) return malformed(faultIn(':status', 'no number of three digits'));
  // gRPC frames its messages itself, and no gRPC library looks at content-length
  return { ok: true, fault: '', fields, contentLength: -1, status: Number(status) };
}

function requestTrailers(list: Headers): Checked {
  return checkedTrailers(list, true);
}

function responseTrailers(list: Headers): Checked {
  return checkedTrailers(list, false);
}

function checkedTrailers(list: Headers, asked: boolean): Checked {
  const made = read(list, noPseudo, asked);
  if (typeof made === 'string') return malformed(made);
  return { ok: true, fault: '', fields: made.fields, contentLength: -1, status: 0 };
}

// the decoder gives repeated blocks as the same list, so most lists are checked already
export const checkRequest = memoizeByIdentity(request);
export const checkRequestTrailers = memoizeByIdentity(requestTrailers);
export const checkResponse = memoizeByIdentity(response);
export const checkTrailers = memoizeByIdentity(responseTrailers);

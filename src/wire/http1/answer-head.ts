/** The heads of HTTP/1.1 answers: status line and fields, without what the connection adds. */
import { STATUS_CODES } from 'node:http';
import { memoizeByIdentity } from '../../base/identity-memo.ts';
import type { Headers } from '../hpack/index.ts';

export interface Http1Fields {
  /** Status line and fields. */
  readonly text: string;
  /** They say how long the body is, or that there is none. */
  readonly sized: boolean;
}

/** What would end a field, or would when only the low byte of a character is written. */
const unwritable = /[^\t -~\x80-\xff]/g;

/** Of a list with `:status` first; those who answer alike again and again give the same one. */
export const http1Fields: (fields: Headers) => Http1Fields = memoizeByIdentity(writeFields);

function writeFields(fields: Headers): Http1Fields {
  const status = fields[1] as string;
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  let sized = status === '204';
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i] as string;
    sized ||= name === 'content-length';
    text += `${name}: ${(fields[i + 1] as string).replace(unwritable, ' ')}\r\n`;
  }
  return { text, sized };
}

/**
 * Answers of backends as no careful server writes them. What gRPC libraries read is read as they read it; what is
 * malformed is told as that, by the name of the field, is asked for once, and ejects nobody.
 */
import type { Headers } from '../../../src/wire/index.ts';
import {
  dataFrames,
  frame,
  grpcHeaders,
  h2,
  headers,
  hpackLiterals,
  predictReply,
  type RawCall,
  uint32,
  windowUpdate,
} from '../../support/index.ts';

const end = h2.END_HEADERS | h2.END_STREAM;
const typed: Headers = [':status', '200', 'content-type', 'application/grpc'];

/** A header block that ends the stream, in as many frames as it takes. */
function last(id: number, fields: Headers): Buffer {
  const block = hpackLiterals(fields);
  const frames = [frame(h2.HEADERS, h2.END_STREAM, id, block.subarray(0, 16_384))];
  for (let at = 16_384; at < block.length; at += 16_384)
    frames.push(frame(h2.CONTINUATION, 0, id, block.subarray(at, at + 16_384)));
  const closing = frames.at(-1) as Buffer;
  closing[4] = (closing[4] as number) | h2.END_HEADERS;
  return Buffer.concat(frames);
}

/** An answer whose end is `trailers`. */
const ending =
  (...trailers: string[]) =>
  (c: RawCall): void =>
    c.send(grpcHeaders(c.id), dataFrames(c.id, predictReply), last(c.id, trailers));
/** An answer that is a head and nothing else. */
const alone =
  (...fields: string[]) =>
  (c: RawCall): void =>
    c.send(headers(c.id, fields, end));
/** An answer that begins with these fields and is well otherwise. */
const beginning =
  (...fields: string[]) =>
  (c: RawCall): void =>
    c.send(headers(c.id, fields), dataFrames(c.id, predictReply), headers(c.id, ['grpc-status', '0'], end));

export interface OddAnswer {
  readonly name: string;
  readonly answer: (call: RawCall) => void;
  readonly status: string;
  readonly message?: string | RegExp;
  /** Fields of the answer that the client must see so; undefined: must not see. */
  readonly sees?: Readonly<Record<string, string | undefined>>;
}

/** Read by gRPC libraries, and so by us. */
export const odd: readonly OddAnswer[] = [
  ...[20_000, 200_000, 1_000_000].map((bytes) => ({
    name: `a message of ${bytes} bytes`,
    answer: (c: RawCall): void => {
      const message = 'x'.repeat(bytes);
      c.send(
        last(c.id, [...typed, 'grpc-message', message, 'grpc-status', '3', 'x-behind', message.slice(0, 99)]),
      );
    },
    status: '3',
    message: /^x{4000,8000}\.\.\.$/,
  })),
  {
    name: 'a long message that is encoded, between other fields',
    answer: ending('x-a', '1', 'grpc-status', '3', 'grpc-message', '%E2%82%AC'.repeat(30_000), 'x-b', '1'),
    status: '3',
    message: /^(%E2%82%AC){400,900}\.\.\.$/,
  },
  {
    name: 'a field of 200 KB beside its status',
    answer: ending('x-a', 'v'.repeat(200_000), 'grpc-status', '3', 'grpc-message', 'no'),
    status: '3',
    message: 'no',
    sees: { 'x-a': undefined },
  },
  {
    name: 'fields of HTTP/1.1 in its head',
    answer: beginning(
      ...typed,
      'connection',
      'keep-alive',
      'transfer-encoding',
      'chunked',
      'te',
      'gzip',
      'x-a',
      '1',
    ),
    status: '0',
    sees: { connection: undefined, 'transfer-encoding': undefined, te: undefined, 'x-a': '1' },
  },
  {
    name: 'fields of HTTP/1.1 in its trailers',
    answer: ending('connection', 'close', 'grpc-status', '5', 'upgrade', 'h2c'),
    status: '5',
    sees: { connection: undefined, upgrade: undefined },
  },
  { name: 'a content-length that is wrong', answer: beginning(...typed, 'content-length', '7'), status: '0' },
  {
    name: 'a content-length that is none',
    answer: beginning(...typed, 'content-length', '1, 2', 'content-length', 'x'),
    status: '0',
    sees: { 'content-length': undefined },
  },
  { name: 'no content-type', answer: beginning(':status', '200'), status: '0' },
  {
    name: 'a content-type with parameters in capitals',
    answer: beginning(':status', '200', 'content-type', 'Application/GRPC; charset=utf-8'),
    status: '0',
  },
  {
    name: 'early hints with odd fields before its head',
    answer: (c) => {
      c.send(headers(c.id, [':status', '103', 'link', ' </a> ', 'connection', 'close']));
      beginning(...typed)(c);
    },
    status: '0',
  },
  { name: 'status " 3"', answer: ending('grpc-status', ' 3'), status: '3' },
  {
    name: 'status 03',
    answer: ending('grpc-status', '03', 'grpc-message', 'no'),
    status: '3',
    message: 'no',
  },
  { name: 'status 00', answer: ending('grpc-status', '00'), status: '0' },
  {
    name: "status 99, which is nobody's",
    answer: ending('grpc-status', '99', 'grpc-message', 'odd'),
    status: '99',
    message: 'odd',
  },
  {
    name: 'status -1',
    answer: ending('grpc-status', '-1', 'grpc-message', 'odd'),
    status: '2',
    message: 'odd',
  },
  {
    name: 'status 3.0',
    answer: ending('grpc-status', '3.0', 'grpc-message', 'odd'),
    status: '2',
    message: 'odd',
  },
  { name: 'an empty status', answer: ending('grpc-status', ''), status: '2' },
  {
    name: 'two statuses: the last one counts, and is the only one that goes on',
    answer: ending('grpc-status', '0', 'grpc-message', 'no', 'grpc-status', '3'),
    status: '3',
    message: 'no',
  },
  {
    name: 'no status',
    answer: ending('x-a', '1'),
    status: '2',
    message: /without a status/,
    sees: { 'x-a': '1' },
  },
  {
    name: 'no trailers',
    answer: (c) =>
      c.send(grpcHeaders(c.id), dataFrames(c.id, predictReply), frame(h2.DATA, h2.END_STREAM, c.id)),
    status: '2',
    message: /without a status/,
  },
  {
    name: 'a status in a head that is not the end',
    answer: (c) =>
      c.send(
        headers(c.id, [...typed, 'grpc-status', '0', 'grpc-message', 'well']),
        headers(c.id, ['grpc-status', '3', 'grpc-message', 'no'], end),
      ),
    status: '3',
    message: 'no',
  },
  {
    name: 'a status in a head, then a message and no trailers',
    answer: (c) =>
      c.send(
        headers(c.id, [...typed, 'grpc-status', '0']),
        dataFrames(c.id, predictReply),
        frame(h2.DATA, h2.END_STREAM, c.id),
      ),
    status: '2',
    message: /without a status/,
  },
  {
    name: 'HTTP status 400 with a gRPC status',
    answer: alone(
      ':status',
      '400',
      'content-type',
      'application/grpc',
      'grpc-status',
      '3',
      'grpc-message',
      'no',
    ),
    status: '3',
    message: 'no',
  },
  {
    name: 'HTTP status 418 without one',
    answer: alone(':status', '418'),
    status: '2',
    message: /HTTP status 418/,
  },
  {
    name: 'HTTP status 400 without one',
    answer: alone(':status', '400'),
    status: '13',
    message: /HTTP status 400/,
  },
  {
    name: 'a message with stray percent signs',
    answer: ending('grpc-status', '3', 'grpc-message', '100 % of %zz, 50%'),
    status: '3',
    message: '100 % of %zz, 50%',
  },
  {
    name: 'a message with control characters',
    answer: ending('grpc-status', '3', 'grpc-message', 'a\x01\tb\x7f'),
    status: '3',
    message: 'a%01\tb%7F',
  },
  {
    name: 'control characters in a field',
    answer: ending('grpc-status', '0', 'x-a', '\x01a\x02b\x1b '),
    status: '0',
    sees: { 'x-a': 'a b' },
  },
  {
    name: 'bytes above 0x7f',
    answer: ending('grpc-status', '3', 'grpc-message', 'caf\xc3\xa9', 'x-a', '\x80\xff'),
    status: '3',
    message: 'caf\xc3\xa9',
    sees: { 'x-a': '\x80\xff' },
  },
  {
    name: 'binary fields with padding, without, and in no base64 at all',
    answer: ending('grpc-status', '0', 'a-bin', 'YQ==', 'b-bin', 'YQ', 'c-bin', '!', 'd-bin', ''),
    status: '0',
    sees: { 'a-bin': 'YQ==', 'b-bin': 'YQ', 'c-bin': '!', 'd-bin': '' },
  },
  {
    name: 'a field of 60 KB',
    answer: ending('grpc-status', '0', 'x-a', 'v'.repeat(60_000)),
    status: '0',
    sees: { 'x-a': 'v'.repeat(60_000) },
  },
];

/** Malformed by RFC 9113, or for want of room. */
export const malformed: readonly OddAnswer[] = [
  {
    name: 'NUL in a value',
    answer: ending('grpc-status', '0', 'x-a', 'a\0'),
    status: '13',
    message: /a malformed header field "x-a": NUL, CR or LF/,
  },
  {
    name: 'a line break in a value',
    answer: beginning(...typed, 'x-a', 'a\r\nb'),
    status: '13',
    message: /header field "x-a": NUL, CR or LF/,
  },
  {
    name: 'a line break in grpc-message',
    answer: ending('grpc-status', '3', 'grpc-message', 'a\nb'),
    status: '13',
    message: /header field "grpc-message": NUL/,
  },
  {
    name: 'an upper-case name',
    answer: beginning(...typed, 'X-Odd', '1'),
    status: '13',
    message: /header field "X-Odd": an upper-case letter/,
  },
  {
    name: 'an empty name',
    answer: ending('grpc-status', '0', '', '1'),
    status: '13',
    message: /header field "": no valid name/,
  },
  {
    name: 'a line break in a name',
    answer: ending('x\r\ny', '1'),
    status: '13',
    message: /header field "x\\r\\ny": no valid name/,
  },
  {
    name: 'a name of 20 KB',
    answer: ending(`${'n'.repeat(20_000)} `, '1'),
    status: '13',
    message: /header field "n{100}": no valid name/,
  },
  {
    name: 'a pseudo-header in its trailers',
    answer: ending('grpc-status', '0', ':status', '200'),
    status: '13',
    message: /header field ":status": a pseudo-header behind other fields/,
  },
  {
    name: 'a pseudo-header at the head of its trailers',
    answer: ending(':status', '200', 'grpc-status', '0'),
    status: '13',
    message: /header field ":status": no such pseudo-header here/,
  },
  {
    name: 'a pseudo-header of requests',
    answer: beginning(...typed.slice(0, 2), ':path', '/'),
    status: '13',
    message: /header field ":path": no such/,
  },
  {
    name: 'no :status',
    answer: beginning('content-type', 'application/grpc'),
    status: '13',
    message: /a head without :status/,
  },
  {
    name: 'two :status',
    answer: beginning(':status', '200', ':status', '200'),
    status: '13',
    message: /":status": it came twice/,
  },
  {
    name: 'a :status of letters',
    answer: beginning(':status', 'ok'),
    status: '13',
    message: /":status": no number/,
  },
  {
    name: 'an informational status as its whole answer',
    answer: alone(':status', '100'),
    status: '13',
    message: /status 100 as its whole answer/,
  },
  {
    name: 'trailers that do not end the stream',
    answer: (c) => c.send(grpcHeaders(c.id), headers(c.id, ['grpc-status', '0'])),
    status: '13',
    message: /trailers that do not end the stream/,
  },
  {
    name: 'DATA before its head',
    answer: (c) => c.send(dataFrames(c.id, predictReply)),
    status: '13',
    message: /DATA before its head/,
  },
  {
    name: 'WINDOW_UPDATE of 0',
    answer: (c) => c.send(frame(h2.WINDOW_UPDATE, 0, c.id, uint32(0))),
    status: '13',
    message: /WINDOW_UPDATE of 0/,
  },
  {
    name: 'a window that is too wide',
    answer: (c) => c.send(windowUpdate(c.id, 2 ** 31 - 1), windowUpdate(c.id, 2 ** 31 - 1)),
    status: '13',
    message: /a flow-control window beyond/,
  },
  {
    name: 'a thousand fields and no status',
    answer: ending(...Array.from({ length: 1000 }, () => ['a', 'b']).flat()),
    status: '13',
    message: /header fields that are too many or too large: the limits are 131072 bytes and 256 fields/,
  },
];

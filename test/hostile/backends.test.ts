/** Model servers that break the rules: the client of that call hears of it, and no other call does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  dataFrames,
  fieldOf,
  frame,
  framed,
  grpcHeaders,
  h2,
  headers,
  hpackLiterals,
  predictFields,
  predictMessage,
  predictReply,
  rawAnswer,
  RawClient,
  type RawCall,
  rst,
  settings,
  startRawBackend,
  startTestGateway,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const end = h2.END_HEADERS | h2.END_STREAM;
const request = framed(predictMessage());
const call = (id: number): Buffer =>
  Buffer.concat([headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request)]);
const trailers = (id: number, ...fields: string[]): Buffer => headers(id, fields, end);
const many = (count: number, bytes: Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes));

interface Case {
  readonly name: string;
  readonly answer: (call: RawCall) => void;
  /** gRPC statuses that its client may see. */
  readonly status: readonly number[];
}

const cases: readonly Case[] = [
  { name: 'status 800', answer: (c) => c.send(headers(c.id, [':status', '800'], end)), status: [2] },
  {
    name: 'no status at all',
    answer: (c) => c.send(headers(c.id, ['content-type', 'application/grpc'])),
    status: [13],
  },
  {
    name: 'an HTML page',
    answer: (c) =>
      c.send(
        headers(c.id, [':status', '200', 'content-type', 'text/html']),
        dataFrames(c.id, Buffer.from('<html>'), false),
        frame(h2.DATA, 1, c.id),
      ),
    status: [2],
  },
  {
    name: 'no trailers',
    answer: (c) => c.send(grpcHeaders(c.id), dataFrames(c.id, predictReply), frame(h2.DATA, 1, c.id)),
    status: [2],
  },
  {
    name: 'a status that is no number',
    answer: (c) => c.send(rawAnswer(c.id, predictReply, ['grpc-status', 'ok'])),
    status: [2],
  },
  { name: 'DATA before its head', answer: (c) => c.send(dataFrames(c.id, predictReply)), status: [13] },
  {
    name: 'a line break in grpc-message',
    answer: (c) =>
      c.send(
        headers(
          c.id,
          [
            ':status',
            '200',
            'content-type',
            'application/grpc',
            'grpc-status',
            '3',
            'grpc-message',
            'a\r\nx-injected: 1',
          ],
          end,
        ),
      ),
    status: [13],
  },
  {
    name: 'upper-case names',
    answer: (c) => c.send(headers(c.id, [':status', '200', 'Content-Type', 'application/grpc'])),
    status: [13],
  },
  {
    name: 'a header list of 200 KB',
    answer: (c) =>
      c.send(
        frame(h2.HEADERS, 0, c.id, hpackLiterals([':status', '200', 'a', 'v'.repeat(16_000)])),
        many(12, frame(h2.CONTINUATION, 0, c.id, hpackLiterals(['b', 'v'.repeat(16_000)]))),
        frame(h2.CONTINUATION, h2.END_HEADERS, c.id),
      ),
    status: [13, 8, 14],
  },
  {
    name: 'informational heads without end',
    answer: (c) => c.send(many(20_000, headers(c.id, [':status', '103']))),
    status: [14],
  },
  {
    name: 'RST_STREAM NO_ERROR inside a message',
    answer: (c) =>
      c.send(
        grpcHeaders(c.id),
        dataFrames(c.id, Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), predictReply]), false),
        rst(c.id, 0),
      ),
    status: [13, 14],
  },
  { name: 'a reset inside its answer', answer: (c) => c.send(grpcHeaders(c.id), rst(c.id, 2)), status: [13] },
  {
    name: 'a cut socket inside its answer',
    answer: (c) => {
      c.send(grpcHeaders(c.id));
      c.socket.end();
    },
    status: [14],
  },
  {
    name: 'a message that ends early',
    answer: (c) =>
      c.send(
        grpcHeaders(c.id),
        dataFrames(c.id, Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), predictReply]), false),
        trailers(c.id, 'grpc-status', '0'),
      ),
    status: [0, 13],
  },
  {
    name: 'a flag that gRPC does not have',
    answer: (c) =>
      c.send(
        grpcHeaders(c.id),
        dataFrames(c.id, framed(predictReply, 0x80), false),
        trailers(c.id, 'grpc-status', '0'),
      ),
    status: [13],
  },
  {
    name: 'GOAWAY without end',
    answer: (c) =>
      c.send(many(20_000, frame(h2.GOAWAY, 0, 0, Buffer.from([0x7f, 255, 255, 255, 0, 0, 0, 0])))),
    status: [14],
  },
  {
    name: 'PING without end',
    answer: (c) => c.send(many(20_000, frame(h2.PING, 0, 0, Buffer.alloc(8)))),
    status: [14],
  },
  {
    name: 'SETTINGS without end',
    answer: (c) => c.send(many(20_000, settings([[4, 65_535]]))),
    status: [14],
  },
  {
    name: 'ORIGIN without end (CVE-2026-48619)',
    answer: (c) => c.send(many(20_000, frame(h2.ORIGIN, 0, 0, Buffer.from('\0\x10https://a.example')))),
    status: [14],
  },
  {
    name: 'a pushed stream',
    answer: (c) =>
      c.send(
        frame(
          h2.PUSH_PROMISE,
          h2.END_HEADERS,
          c.id,
          Buffer.concat([Buffer.from([0, 0, 0, 2]), hpackLiterals(predictFields())]),
        ),
      ),
    status: [14],
  },
  {
    name: 'more than its window',
    answer: (c) => c.send(grpcHeaders(c.id), many(100, frame(h2.DATA, 0, c.id, Buffer.alloc(16_384)))),
    status: [13, 0, 14, 4],
  },
];

describe('a model server that answers with', { concurrency: false }, () => {
  for (const { name, answer, status } of cases) {
    it(`${name}: its client hears of it, the next call is well`, async (t) => {
      let hostile = true;
      const backend = await startRawBackend({
        onCall: (c) => {
          if (hostile) answer(c);
          else c.send(rawAnswer(c.id, predictReply));
        },
      });
      t.after(() => backend.close());
      const gateway = await startTestGateway([backend.url], { retry: { maxAttempts: 1, maxUnstarted: 1 } });
      t.after(() => gateway.stop());
      const client = await RawClient.open(gateway.grpc, [[4, 2 ** 30]]);
      t.after(() => client.destroy());
      client.send(windowUpdate(0, 2 ** 30));
      client.send(
        headers(1, predictFields(['grpc-timeout', '3S'])),
        frame(h2.DATA, h2.END_STREAM, 1, request),
      );
      const got = Number(fieldOf(await client.untilEnd(1, 6000), 'grpc-status'));
      assert.ok(status.includes(got), `grpc-status ${got}, expected ${status.join(' or ')}`);
      assert.equal(fieldOf(client.answer(1), 'x-injected'), undefined);
      hostile = false;
      let id = 1;
      await waitFor(
        async () => {
          id += 2;
          client.send(call(id));
          return fieldOf(await client.untilEnd(id), 'grpc-status') === '0';
        },
        15_000,
        'a call that is well',
      );
    });
  }
});

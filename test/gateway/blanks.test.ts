/**
 * White space at the ends of metadata, from either side: nobody is refused for it, and nobody behind gets to see it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import type { Headers } from '../../src/wire/index.ts';
import {
  dataFrames,
  fieldOf,
  frame,
  framed,
  grpcHeaders,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictPath,
  predictReply,
  type RawBackend,
  type RawCall,
  RawClient,
  startRawBackend,
  startTestGateway,
  type TestGateway,
} from '../support/index.ts';

const end = h2.END_HEADERS | h2.END_STREAM;
const refused: Headers = [
  'grpc-status',
  '3',
  'grpc-message',
  'Could not find any versions of model ',
  'x-odd',
  '\t a  b  ',
];
const valueOf = (fields: Headers, name: string): string | undefined => fields[fields.indexOf(name) + 1];

describe('white space at the ends of metadata', () => {
  let backend: RawBackend;
  let gateway: TestGateway;
  /** What the backend answers. */
  let answer: (call: RawCall) => void;
  before(async () => {
    backend = await startRawBackend({ onCall: (call) => answer(call) });
    gateway = await startTestGateway([backend.url]);
  });
  after(async () => {
    await gateway.stop();
    backend.close();
  });
  const head: Headers = [':status', '200', 'content-type', 'application/grpc'];
  const answers: readonly (readonly [string, (call: RawCall) => void])[] = [
    ['in a head that is all', (c) => c.send(headers(c.id, [...head, ...refused], end))],
    ['in trailers', (c) => c.send(grpcHeaders(c.id), headers(c.id, refused, end))],
    [
      'in a head before a message, and in the trailers behind it',
      (c) =>
        c.send(
          grpcHeaders(c.id, ['x-first', ' 1 ']),
          dataFrames(c.id, predictReply),
          headers(c.id, refused, end),
        ),
    ],
    [
      'around the status and the type',
      (c) =>
        c.send(
          headers(c.id, [':status', '200', 'content-type', ' application/grpc ']),
          headers(c.id, [...refused.slice(2), 'grpc-status', ' 3 '], end),
        ),
    ],
  ];

  for (const [name, answering] of answers) {
    it(`of a backend, ${name}: the status comes as it is, the first time`, async (t) => {
      answer = answering;
      const before_ = backend.calls.length;
      const client = await RawClient.open(gateway.grpc);
      t.after(() => client.destroy());
      // from the second time on the lists are known
      for (const id of [1, 3, 5]) {
        client.send(
          headers(id, predictFields()),
          frame(h2.DATA, h2.END_STREAM, id, framed(predictMessage())),
        );
        const got = await client.untilEnd(id);
        assert.equal(fieldOf(got, 'grpc-status'), '3');
        assert.equal(fieldOf(got, 'grpc-message'), 'Could not find any versions of model');
        assert.equal(fieldOf(got, 'x-odd'), 'a  b');
        assert.ok([undefined, '1'].includes(fieldOf(got, 'x-first')));
      }
      assert.equal(backend.calls.length - before_, 3);
    });

    it(`of a backend, ${name}: a strict client (nghttp2) reads it all`, async (t) => {
      answer = answering;
      const Generic = makeGenericClientConstructor({}, 'any');
      const client: Client = new Generic(gateway.grpc, credentials.createInsecure());
      t.after(() => client.close());
      const error = await new Promise<ServiceError | null>((resolve) => {
        client.makeUnaryRequest(
          predictPath,
          (message: Buffer) => message,
          (message: Buffer) => message,
          predictMessage(),
          (reason) => resolve(reason),
        );
      });
      assert.equal(error?.code, 3);
      assert.equal(error.details, 'Could not find any versions of model');
      assert.deepEqual(error.metadata.get('x-odd'), ['a  b']);
    });

    it(`of a backend, ${name}: over REST`, async () => {
      answer = answering;
      const got = await fetch(`http://${gateway.rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        body: '{"instances": [1]}',
      });
      assert.equal(got.status, 400);
      assert.deepEqual(await got.json(), { error: 'Could not find any versions of model' });
    });

    it(`of a backend, ${name}: over gRPC-Web`, async () => {
      answer = answering;
      const got = await fetch(`http://${gateway.rest}${predictPath}`, {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+proto' },
        body: framed(predictMessage()) as never,
      });
      const text = Buffer.from(await got.arrayBuffer()).toString('latin1');
      assert.match(text, /grpc-message: Could not find any versions of model\r\n/);
    });
  }

  it('of a client, over HTTP/2: in the head, in the trailers, in the deadline', async (t) => {
    answer = (c) => c.send(grpcHeaders(c.id), headers(c.id, ['grpc-status', '0'], end));
    const client = await RawClient.open(gateway.grpc);
    t.after(() => client.destroy());
    for (const id of [1, 3, 5]) {
      client.send(
        headers(id, predictFields(['x-odd', ' a b\t', 'x-empty', '  ', 'grpc-timeout', ' 9S '])),
        frame(h2.DATA, 0, id, framed(predictMessage())),
        headers(id, ['x-behind', ' b '], end),
      );
      const got = await client.untilEnd(id);
      assert.equal(got.reset, undefined);
      assert.equal(fieldOf(got, 'grpc-status'), '0', fieldOf(got, 'grpc-message'));
      const { fields } = backend.calls.at(-1) as RawCall;
      assert.equal(valueOf(fields, 'x-odd'), 'a b');
      assert.equal(valueOf(fields, 'x-empty'), '');
      assert.match(valueOf(fields, 'grpc-timeout') ?? '', /^[89][0-9]{3}m$/);
    }
  });

  it('of a client, over gRPC-Web', async () => {
    answer = (c) => c.send(grpcHeaders(c.id), headers(c.id, ['grpc-status', '0'], end));
    const got = await fetch(`http://${gateway.rest}${predictPath}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto', 'x-odd': ' a b\t', 'grpc-timeout': ' 9S ' },
      body: framed(predictMessage()) as never,
    });
    assert.match(Buffer.from(await got.arrayBuffer()).toString('latin1'), /grpc-status: 0/);
    assert.equal(valueOf((backend.calls.at(-1) as RawCall).fields, 'x-odd'), 'a b');
  });
});

/** The cache's parts: one key for one question, envelopes that open only for their question, copies of replies. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import {
  Cancellation,
  Flow,
  flowOf,
  messagePrefix,
  noMetadata,
  type Reply,
} from '../../../src/call/index.ts';
import type { Tensor } from '../../../src/codec/index.ts';
import { envelopeBytes, open, seal } from '../../../src/filters/cache/envelope.ts';
import { cacheKey, type CacheQuestion } from '../../../src/filters/cache/key.ts';
import { copyReply } from '../../../src/filters/cache/reply.ts';
import { isPlainPredict } from '../../../src/filters/cache/request.ts';
import { deadlineFilter } from '../../../src/filters/deadline.ts';
import { requestMessage } from '../../../src/filters/request-message.ts';
import { readAll, unaryCall } from '../../support/index.ts';

const floats = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float',
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const strings = (shape: number[], ...values: string[]): Tensor => ({
  dtype: 'string',
  shape,
  values: values.map((value) => Buffer.from(value)),
});
const question = (fields: Partial<CacheQuestion> = {}): CacheQuestion => ({
  fleet: 'f',
  model: 'm',
  version: 1n,
  incarnation: 'a',
  signature: '',
  outputFilter: [],
  inputs: new Map([['x', floats([3], 1, 2, 5)]]),
  vary: [],
  ...fields,
});
const hex = (fields: Partial<CacheQuestion> = {}): string => cacheKey(question(fields)).toString('hex');

describe('cache keys', () => {
  it('are the same whatever the order of inputs and of the output filter, and for the default signature', () => {
    const a = floats([1], 1);
    const b = strings([1], 'b');
    assert.equal(
      hex({
        inputs: new Map([
          ['a', a],
          ['b', b],
        ]),
      }),
      hex({
        inputs: new Map([
          ['b', b],
          ['a', a],
        ]),
      }),
    );
    assert.equal(hex({ outputFilter: ['y', 'z', 'y'] }), hex({ outputFilter: ['z', 'y'] }));
    assert.equal(hex({ signature: 'serving_default' }), hex());
  });

  it('differ when anything differs that an answer depends on', () => {
    const x = (tensor: Tensor, name = 'x'): Partial<CacheQuestion> => ({ inputs: new Map([[name, tensor]]) });
    const bytes = new Uint8Array(Float32Array.of(1, 2, 5).buffer);
    const questions: Partial<CacheQuestion>[] = [
      {},
      { model: 'n' },
      { version: 2n },
      { incarnation: 'b' },
      { fleet: 'g' },
      { signature: 'other' },
      { outputFilter: ['y'] },
      { outputFilter: ['y', 'z'] },
      { outputFilter: ['y,z'] },
      { vary: ['tenant'] },
      { vary: [undefined] },
      { vary: [''] },
      { inputs: new Map() },
      x(floats([3], 1, 2, 6)),
      x(floats([1, 3], 1, 2, 5)),
      x(floats([3, 1], 1, 2, 5)),
      x(floats([3], 1, 2, 5), 'y'),
      x({ dtype: 'int32', shape: [3], bytes }),
      x({ dtype: 'uint8', shape: [12], bytes }),
      x(floats([1], 0)),
      x(floats([1], -0)),
      x(floats([1], NaN)),
      x({ dtype: 'float', shape: [1], bytes: Uint8Array.of(1, 0, 0xc0, 0x7f) }),
      x(floats([0])),
      x(strings([2], 'ab', 'c')),
      x(strings([2], 'a', 'bc')),
      x(strings([2], '', 'abc')),
      x(strings([1], 'abc')),
      x(strings([3], 'abc', '', '')),
      {
        inputs: new Map([
          ['x', floats([1], 1)],
          ['y', floats([2], 2, 5)],
        ]),
      },
      {
        inputs: new Map([
          ['x', floats([2], 1, 2)],
          ['y', floats([1], 5)],
        ]),
      },
    ];
    const keys = questions.map(hex);
    assert.equal(new Set(keys).size, questions.length);
    assert.ok(keys.every((key) => key.length === 64));
  });
});

describe('envelopes', () => {
  const key = cacheKey(question());
  const sealed = seal(key, Buffer.from('the answer'));

  it('give back what was sealed', () => {
    assert.equal(Buffer.from(open(key, sealed)!).toString(), 'the answer');
    assert.equal(sealed.length, envelopeBytes + 10);
    assert.equal(open(key, seal(key, new Uint8Array(0)))!.length, 0);
  });

  it('do not open under another key, cut short, longer, or with any bit changed', () => {
    assert.equal(open(cacheKey(question({ model: 'n' })), sealed), undefined);
    for (let length = 0; length < sealed.length; length++)
      assert.equal(open(key, sealed.subarray(0, length)), undefined);
    assert.equal(open(key, Buffer.concat([sealed, Buffer.from('x')])), undefined);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(open(key, altered), undefined, `bit ${bit}`);
    }
  });
});

describe("a call's request", () => {
  const call = (request: Flow) => ({ request, cancellation: new Cancellation() });

  it('is read whole while it still arrives, and can be read again', async () => {
    const flow = new Flow(true);
    let credit = 0;
    flow.onCredit = (n) => (credit += n);
    flow.push(messagePrefix(6));
    const waiting = requestMessage(call(flow), 100);
    flow.push(Buffer.from('que'));
    flow.push(Buffer.from('ry!'));
    flow.end();
    assert.equal(Buffer.from((await waiting)!).toString(), 'query!');
    assert.equal(credit, 11);
    assert.equal((await readAll(flow)).bytes.length, 11);
    assert.equal(credit, 11, 'the second reading gives no credit again');
  });

  it('is none when too large, compressed, twofold, broken, left or not kept; and nothing is lost', async () => {
    const large = new Flow(true);
    const waiting = requestMessage(call(large), 10);
    large.push(messagePrefix(20));
    large.push(Buffer.alloc(11));
    assert.equal(await waiting, undefined);
    large.push(Buffer.alloc(9));
    large.end();
    assert.equal((await readAll(large)).bytes.length, 25);
    assert.equal(await requestMessage(call(large), 10), undefined);

    assert.equal(await requestMessage(call(Flow.of([Uint8Array.of(1, 0, 0, 0, 1, 9)])), 100), undefined);
    assert.equal(await requestMessage(call(Flow.of([messagePrefix(0), messagePrefix(0)])), 100), undefined);
    assert.equal(await requestMessage(call(Flow.of([])), 100), undefined);
    const failed = new Flow(true);
    const failing = requestMessage(call(failed), 100);
    failed.fail(new StatusError(1, 'gone'));
    assert.equal(await failing, undefined);
    const left = call(new Flow(true));
    const leaving = requestMessage(left, 100);
    left.cancellation.cancel();
    assert.equal(await leaving, undefined);
    assert.equal(await requestMessage(left, 100), undefined, 'already left');
    assert.equal(await requestMessage(call(new Flow(false)), 100), undefined);
  });

  it('is plain when it holds nothing but model_spec, inputs and output_filter', () => {
    const plain = Buffer.from([0x0a, 1, 0, 0x12, 2, 0, 0, 0x1a, 0]);
    assert.equal(isPlainPredict(plain), true);
    assert.equal(isPlainPredict(Buffer.concat([plain, Buffer.from([0x22, 0])])), false, 'field 4');
    assert.equal(isPlainPredict(Buffer.from([0x08, 1])), false, 'field 1 as a number');
    assert.equal(isPlainPredict(Buffer.from([0x0a, 5, 0])), false, 'cut short');
    assert.equal(
      isPlainPredict(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 1])),
      false,
      'absurd length',
    );
    assert.equal(isPlainPredict(Buffer.from([0x0a])), false);
  });
});

describe('a copy of a reply', () => {
  const copied = (body: Flow, maxBytes = 100): { reply: Reply; seen: string[] } => {
    const seen: string[] = [];
    const reply = { metadata: noMetadata, body, from: 'b' };
    return {
      seen,
      reply: copyReply(reply, maxBytes, (message) => seen.push(Buffer.from(message).toString())),
    };
  };

  it('passes every byte and the trailers on, with credit going back', async () => {
    const body = new Flow();
    let credit = 0;
    body.onCredit = (n) => (credit += n);
    const { reply, seen } = copied(body);
    body.push(messagePrefix(4));
    assert.equal(credit, 0, 'no credit before the client has read');
    body.push(Buffer.from('ab'));
    const reading = readAll(reply.body);
    body.push(Buffer.from('cd'));
    body.end(['grpc-status', '0', 'x', 'y']);
    const { bytes, trailers } = await reading;
    assert.equal(bytes.subarray(5).toString(), 'abcd');
    assert.deepEqual(trailers, ['grpc-status', '0', 'x', 'y']);
    assert.deepEqual(seen, ['abcd']);
    assert.equal(credit, 9);
  });

  it('ends when its reader leaves in the middle, and so does the alarm of its deadline', async () => {
    let stops = 0;
    const body = new Flow();
    const abandoned: string[] = [];
    // as Upstream has it
    body.onAbandon = (reason) => {
      abandoned.push(reason.message);
      body.fail(reason);
    };
    body.push(messagePrefix(1e6));
    const after = () => () => {
      stops++;
    };
    const send = deadlineFilter({ clock: () => 0, after })(() => Promise.resolve(copied(body).reply));
    const reply = await send(unaryCall(undefined, { deadline: 1000 }));
    assert.equal(stops, 0);
    reply.body.abandon(new StatusError(Code.CANCELLED, 'the client has gone'));
    assert.deepEqual(abandoned, ['the client has gone']);
    assert.equal(stops, 1);
  });

  it('is kept only of a complete, successful, uncompressed, small single message', async () => {
    const ok = ['grpc-status', '0'];
    for (const body of [
      flowOf(Buffer.from('answer'), ['grpc-status', '5']),
      flowOf(Buffer.from('answer')),
      flowOf(Buffer.alloc(101), ok),
      Flow.of([], ok),
      Flow.of([Uint8Array.of(1, 0, 0, 0, 1, 65)], ok),
      Flow.of([messagePrefix(0), messagePrefix(0)], ok),
      Flow.of([messagePrefix(9), Buffer.from('cut')], ok),
    ]) {
      const { reply, seen } = copied(body);
      assert.equal((await readAll(reply.body)).bytes.length, body.bytes);
      assert.deepEqual(seen, []);
    }
    const failing = new Flow();
    const { reply, seen } = copied(failing);
    const reading = assert.rejects(readAll(reply.body), /gone/);
    failing.fail(new StatusError(14, 'gone'));
    await reading;
    assert.deepEqual(seen, []);
  });

  it('tells the backend when the client abandons it', () => {
    const body = new Flow();
    let abandoned = '';
    body.onAbandon = (reason) => (abandoned = reason.message);
    copied(body).reply.body.abandon(new StatusError(1, 'client left'));
    assert.equal(abandoned, 'client left');
  });
});

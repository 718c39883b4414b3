/**
 * Requests that are called off before their API has begun with them: each is answered once, unless its client has
 * gone.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { createJsonHandler } from '../../../src/front/json/index.ts';
import { MemoryAccount, MemoryKind } from '../../../src/memory/index.ts';
import type { Headers, ServerStream, StreamEvents } from '../../../src/wire/index.ts';
import { recordingObserver } from '../../support/index.ts';

const limitBytes = 1000;

interface Sent {
  readonly events: StreamEvents;
  /** What was done with the stream, in order. */
  readonly said: string[];
  /** What the observer was told. */
  readonly told: readonly string[];
  /** Times that the API was asked. */
  readonly asked: () => number;
}

/** A request at a door, whose account is exhausted. */
function sent(method = 'POST'): Sent {
  const observer = recordingObserver();
  const memory = new MemoryAccount(limitBytes, { after: () => () => undefined, events: observer });
  memory.add(MemoryKind.requests, 10 * limitBytes);
  const said: string[] = [];
  const stream: ServerStream = {
    id: 1,
    varying: [],
    queuedBytes: 0,
    respond: ([, status]: Headers) => void said.push(`head ${status}`),
    write: () => true,
    end: () => void said.push('end'),
    reset: (code) => void said.push(`reset ${code}`),
    credit: () => undefined,
    cut: () => undefined,
  };
  let asked = 0;
  const door = createJsonHandler(
    {
      options: {
        timeouts: { defaultMs: 1000, maxMs: 1000, byModel: undefined },
        takesHeader: () => false,
        gzipMinBytes: 1e9,
      },
      cors: { headers: () => [], preflight: () => [] },
      observer,
      memory,
      clock: () => 0,
      nextId: () => '1',
      knows: () => true,
    },
    () => async () => {
      asked++;
      return Promise.resolve({ status: 200, headers: [], body: 'ok' });
    },
  );
  const fields = [':method', method, ':path', '/v1/models/m:predict', 'content-type', 'application/json'];
  return { events: door(stream, fields, '192.0.2.1:5000'), said, told: observer.events, asked: () => asked };
}

const refused = ['head 429', 'end', 'reset 0'];
const counted = ['limited memory', 'answered REST 429 '];

describe('a request that there is no memory for', () => {
  it('is answered with 429 and counted, when its head comes alone', async () => {
    const { said, told, asked } = sent();
    await turn();
    assert.deepEqual(said, refused);
    assert.deepEqual(told, counted);
    assert.equal(asked(), 0);
  });

  it('is answered and counted the same, when the first bytes of its body come in the same read', async () => {
    const { events, said, told, asked } = sent();
    events.onData(Buffer.from('{"instances":'));
    events.onData(Buffer.from('[1'));
    await turn();
    assert.deepEqual(said, refused);
    assert.deepEqual(told, counted);
    assert.equal(asked(), 0);
  });

  it('is answered when all of it comes in the same read', async () => {
    const { events, said, told } = sent();
    events.onData(Buffer.from('{"instances":[1]}'));
    events.onEnd([]);
    await turn();
    assert.deepEqual(said, refused.slice(0, 2));
    assert.deepEqual(told, counted);
  });

  it('is a preflight all the same', async () => {
    const { events, said } = sent('OPTIONS');
    events.onData(Buffer.from('x'));
    await turn();
    assert.equal(said[0], 'head 200');
  });
});

describe('a request that its client has reset in the same read', () => {
  it('is not served, and gets no answer', async () => {
    const { events, said, told, asked } = sent();
    events.onReset(8, false);
    await turn();
    assert.deepEqual(said, []);
    assert.deepEqual(told, ['answered REST 0 ']);
    assert.equal(asked(), 0);
  });
});

/**
 * Errors of the gateway's own (its limits, its memory) are never tried again, whatever their code; those of backends
 * are.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Code, StatusError } from '../../src/base/status.ts';
import { BridgeMemory } from '../../src/bridge/index.ts';
import { flowOf, messageChunks, Messages, messagePrefix, replyOf } from '../../src/call/index.ts';
import { inflateMessage } from '../../src/codec/index.ts';
import { retryFilter } from '../../src/filters/index.ts';
import { resetError } from '../../src/fleet/connection/reset-error.ts';
import { wholeAnswer } from '../../src/fleet/connection/rest-messages.ts';
import { MemoryAccount, MemoryKind, MemoryReservation } from '../../src/memory/index.ts';
import { otherApiNow } from '../../src/models/index.ts';
import { connectionLost } from '../../src/wire/index.ts';
import { manualClock, recordingObserver, stubHandler, unaryCall } from '../support/index.ts';

const large = Buffer.alloc(1000);
const limits = { maxMessageBytes: 100, maxInflateRatio: 1000 };

function exhausted(): MemoryReservation {
  const account = new MemoryAccount(10, { after: () => () => undefined });
  return new MemoryReservation(account, MemoryKind.rebuilt, { stalledMs: () => 0, evict: () => undefined });
}

async function answerOf(name: string, body: Readable, maxBytes: number): Promise<unknown> {
  const reply = { statusCode: 200, headers: {}, body } as unknown as Parameters<typeof wholeAnswer>[0];
  return wholeAnswer(reply, maxBytes, { name, isControl: false, rebuilt: new BridgeMemory(undefined) });
}

function brokenOff(): Readable {
  const body = new Readable({ read() {} });
  queueMicrotask(() => body.destroy(new Error('reset')));
  return body;
}

/** What an attempt throws, by the code that throws it. */
const own: Readonly<Record<string, () => unknown>> = {
  'MemoryAccount.refusal': () => {
    throw new MemoryAccount(0).refusal();
  },
  'BridgeMemory.hold': () => {
    new BridgeMemory(exhausted()).hold(large.length);
  },
  'messageChunks, of a request or a reply': () => messageChunks(flowOf(large), limits.maxMessageBytes),
  'messageChunks, without memory': () => {
    const memory = exhausted();
    return messageChunks(flowOf(large), 1e6, (bytes) => {
      memory.hold(bytes);
    });
  },
  Messages: () => {
    new Messages(100, () => undefined).push(Buffer.concat([messagePrefix(1000), large]));
  },
  inflateMessage: () => inflateMessage(gzipSync(large), 'gzip', limits),
  'wholeAnswer, of a server over REST': () => answerOf('a', Readable.from([large]), limits.maxMessageBytes),
  otherApiNow: () => otherApiNow(unaryCall()),
};

const backends: Readonly<Record<string, () => unknown>> = {
  'a lost connection': () => {
    throw resetError(connectionLost, 'a', false, {});
  },
  REFUSED_STREAM: () => {
    throw resetError(7, 'a', false, {});
  },
  ENHANCE_YOUR_CALM: () => {
    throw resetError(11, 'a', false, {});
  },
  'a stream that was reset': () => {
    throw resetError(2, 'a', false, {});
  },
  'an answer over REST that breaks off': () => answerOf('a', brokenOff(), 1e6),
};

/** How often a call is sent whose attempts end so, and which retries are told. */
async function attempts(fails: () => unknown): Promise<{ sent: number; told: string[]; error: StatusError }> {
  const { handler, calls } = stubHandler(async () => {
    await fails();
    return replyOf(Buffer.from('fine'), 'b');
  });
  const observer = recordingObserver();
  const options = {
    maxAttempts: 3,
    maxUnstarted: 6,
    backoffMs: 0,
    budget: { percent: 100, minPerSecond: 10, windowMs: 10_000 },
  };
  const send = retryFilter(options, { observer, clock: manualClock().clock, random: () => 0.5 })(handler);
  const error = await send(unaryCall(large)).then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => StatusError.from(reason),
  );
  return { sent: calls.length, told: observer.events, error };
}

describe('an attempt that ends with', () => {
  for (const [name, fails] of Object.entries(own))
    it(`${name}: the gateway's own word, is the only one`, async () => {
      const { sent, told, error } = await attempts(fails);
      assert.ok(error.code === Code.RESOURCE_EXHAUSTED || error.code === Code.UNAVAILABLE, String(error));
      assert.equal(sent, 1, String(error));
      assert.deepEqual(told, []);
    });

  for (const [name, fails] of Object.entries(backends))
    it(`${name}: a backend's, is followed by another`, async () => {
      const { sent, told } = await attempts(fails);
      assert.equal(sent, 3);
      for (const event of told) assert.match(event, /^retried a \w/);
    });

  it('whatever says that it was not started, but not where, is the only one', async () => {
    const { sent, told } = await attempts(() => {
      throw new StatusError(Code.UNAVAILABLE, 'no', { disposition: 'not-started' });
    });
    assert.equal(sent, 1);
    assert.deepEqual(told, []);
  });
});

/** The text of a call's arguments, which begin here. */
function argumentsAt(text: string, start: number): string {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return text.slice(start, at);
  }
  return text.slice(start);
}

describe('the source below the retry', () => {
  it('has no error with a code that is retried but these', () => {
    const rooms = '{bridge,call,codec,fleet,memory,models,filters/hedge}';
    const found = new Set<string>();
    for (const file of globSync(`src/${rooms}/**/*.ts`)) {
      const text = readFileSync(file, 'utf8');
      for (const { index, 0: begin } of text.matchAll(/(?:new StatusError|super)\((?=\s*Code\.)/g)) {
        const said = argumentsAt(text, index + begin.length - 1);
        const code = /^\(\s*Code\.(UNAVAILABLE|RESOURCE_EXHAUSTED)\b/.exec(said)?.[1];
        if (code === undefined) continue;
        const from = /\bwhere(:|,| \})|\bdetails\b/.test(said) ? 'of a backend or a fleet' : 'own';
        found.add(`${file.slice(4)}: ${code}, ${from}`);
      }
    }
    // a new one must say whose it is: with `where` another backend may be asked
    assert.deepEqual([...found].sort(), [
      'call/grpc-message.ts: RESOURCE_EXHAUSTED, own',
      'call/message-reader.ts: RESOURCE_EXHAUSTED, own',
      'codec/compression.ts: RESOURCE_EXHAUSTED, own',
      'codec/json/limits.ts: RESOURCE_EXHAUSTED, own',
      'codec/json/v2/tensors.ts: RESOURCE_EXHAUSTED, own',
      'codec/proto/tfs/tensor-decode.ts: RESOURCE_EXHAUSTED, own',
      'codec/proto/v2/tensors.ts: RESOURCE_EXHAUSTED, own',
      'fleet/ask-each.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/connection/dial.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/connection/http-flow.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/connection/pool.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/connection/reset-error.ts: RESOURCE_EXHAUSTED, of a backend or a fleet',
      'fleet/connection/reset-error.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/connection/rest-messages.ts: RESOURCE_EXHAUSTED, own',
      'fleet/connection/rest-messages.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/everyone.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/health/host-check.ts: UNAVAILABLE, own',
      'fleet/http/client.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/http/http-fleet.ts: RESOURCE_EXHAUSTED, of a backend or a fleet',
      'fleet/http/http-fleet.ts: UNAVAILABLE, of a backend or a fleet',
      'fleet/routing/backend-selector.ts: UNAVAILABLE, of a backend or a fleet',
      'memory/account.ts: RESOURCE_EXHAUSTED, own',
      'models/methods.ts: UNAVAILABLE, own',
    ]);
  });
});

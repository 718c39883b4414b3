/**
 * An answer that a backend gives in messages goes no faster than its client reads, and ends as the backend's call
 * does.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Code, StatusError } from '../../../src/base/status.ts';
import { Flow, flowOf, messagePrefix } from '../../../src/call/index.ts';
import type { JsonRequest } from '../../../src/front/json/json-request.ts';
import { relay } from '../../../src/front/json/relay.ts';

/** An exchange whose client reads when the test says so. */
function client() {
  const log: string[] = [];
  let drained: (() => void) | undefined;
  const state = {
    log,
    reads: true,
    read(): void {
      state.reads = true;
      drained?.();
    },
    exchange: {
      message: '',
      respond: (status: number) => log.push(String(status)),
      write(chunk: Uint8Array) {
        log.push(Buffer.from(chunk).toString());
        return state.reads;
      },
      drained: () => new Promise<void>((resolve) => (drained = resolve)),
      end: () => log.push('end'),
      abort: () => log.push('abort'),
    } as unknown as JsonRequest,
  };
  return state;
}

const framed = (text: string): Buffer => Buffer.concat([messagePrefix(text.length), Buffer.from(text)]);
const bodyOf = (flow: Flow) => ({
  flow,
  from: 'b',
  maxMessageBytes: 100,
  lastWords: ({ message }: StatusError) => `broken: ${message}`,
});

describe('an answer that is relayed', () => {
  it('gives the backend credit only for what its client has read', async () => {
    const flow = new Flow();
    let credited = 0;
    flow.onCredit = (bytes) => (credited += bytes);
    const slow = client();
    relay(slow.exchange, 200, [], bodyOf(flow));
    flow.push(framed('one'));
    assert.equal(credited, 8);
    slow.reads = false;
    flow.push(framed('two'));
    flow.push(framed('three'));
    assert.equal(credited, 8);
    slow.read();
    await turn();
    assert.equal(credited, 8 + 8 + 10);
    flow.end(['grpc-status', '0']);
    assert.deepEqual(slow.log, ['200', 'one', 'two', 'three', 'end']);
  });

  it('has all of one that is there, and its end behind those who were told first', () => {
    const { exchange, log } = client();
    const flow = flowOf(Buffer.from('all'), ['grpc-status', '0']);
    relay(exchange, 200, [], bodyOf(flow));
    assert.deepEqual(log, ['200', 'all', 'end']);
    const later = client();
    const open = new Flow();
    open.whenDone(() => later.log.push('counted'));
    relay(later.exchange, 200, [], bodyOf(open));
    open.end(['grpc-status', '0']);
    assert.deepEqual(later.log, ['200', 'counted', 'end']);
  });

  for (const [what, ends] of [
    ['breaks', (flow: Flow) => flow.fail(new StatusError(Code.UNAVAILABLE, 'gone'))],
    ['ends with a status', (flow: Flow) => flow.end(['grpc-status', '14', 'grpc-message', 'gone'])],
  ] as const)
    it(`says that it is broken, and has no end, when its flow ${what}`, async () => {
      const { exchange, log } = client();
      const flow = new Flow();
      relay(exchange, 200, [], bodyOf(flow));
      flow.push(framed('one'));
      ends(flow);
      await turn();
      await turn();
      assert.deepEqual(log, ['200', 'one', 'broken: gone', 'abort']);
      assert.equal(exchange.message, 'gone');
    });

  it('lets go of a backend that sends a message beyond the limit', async () => {
    const { exchange, log } = client();
    const flow = new Flow();
    let abandoned = false;
    flow.onAbandon = () => (abandoned = true);
    relay(exchange, 200, [], bodyOf(flow));
    flow.push(messagePrefix(101));
    await turn();
    await turn();
    assert.ok(abandoned);
    assert.deepEqual(log, ['200', 'broken: message is larger than the limit of 100 bytes', 'abort']);
  });
});

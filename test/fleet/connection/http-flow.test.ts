/** The body of an HTTP answer as a flow: its pieces as messages, at the pace of the flow's reader. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Code, StatusError } from '../../../src/base/status.ts';
import { Messages } from '../../../src/call/index.ts';
import { flowOfBody } from '../../../src/fleet/connection/http-flow.ts';

describe('an HTTP body as a flow', () => {
  it('stops the backend while nobody reads, and goes on', async () => {
    const body = new PassThrough({ highWaterMark: 2 ** 20 });
    const flow = flowOfBody(body, { where: 'b', reason: () => undefined });
    for (let i = 0; i < 10; i++) body.write(Buffer.alloc(30_000, i));
    body.end();
    await turn();
    assert.ok(body.isPaused());
    const waiting = flow.bytes;
    assert.ok(waiting > 65_536 && waiting < 100_000, String(waiting));
    const got: number[] = [];
    const messages = new Messages(2 ** 20, (message) => got.push(message.length));
    const ended = new Promise((resolve) => {
      flow.whenDone(resolve);
    });
    flow.read({
      onData(chunk) {
        messages.push(chunk);
        flow.credit(chunk.length);
      },
      onEnd: () => undefined,
      onError: () => undefined,
    });
    assert.equal(await ended, undefined);
    assert.deepEqual(got, Array<number>(10).fill(30_000));
    assert.deepEqual(flow.trailers, ['grpc-status', '0']);
  });

  it('fails as the body does, with a better reason where there is one', async () => {
    for (const [reason, code] of [
      [undefined, Code.UNAVAILABLE],
      [new StatusError(Code.CANCELLED, 'gone'), Code.CANCELLED],
    ] as const) {
      const body = new PassThrough();
      const flow = flowOfBody(body, { where: 'b', reason: () => reason });
      body.destroy(new Error('reset'));
      const error = await new Promise<StatusError | undefined>((resolve) => {
        flow.whenDone(resolve);
      });
      assert.equal(error?.code, code);
    }
  });

  it('ends the body when it is abandoned', () => {
    const body = new PassThrough();
    const flow = flowOfBody(body, { where: 'b', reason: () => undefined });
    flow.abandon(new StatusError(Code.CANCELLED, 'gone'));
    assert.ok(body.destroyed);
    assert.equal(flow.error?.message, 'gone');
  });
});

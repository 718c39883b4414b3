/** Resets of a backend's stream as errors, and what each says of the attempt. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatusError } from '../../../src/base/status.ts';
import { resetError } from '../../../src/fleet/connection/reset-error.ts';
import { connectionLost, ErrorCode } from '../../../src/wire/index.ts';

describe('a stream that the backend has reset', () => {
  const connection = {};
  const codes = [connectionLost, ...Object.values(ErrorCode)];
  const made = (code: number, notProcessed: boolean): StatusError =>
    resetError(code, 'a', notProcessed, connection);

  it('did surely not start when its peer says that it was not processed, whatever else is known', () => {
    for (const code of codes) assert.equal(made(code, true).disposition, 'not-started', String(code));
  });

  it('may have run otherwise: with its connection, by a reset of its own, or by a code that says why', () => {
    assert.equal(made(connectionLost, false).disposition, 'connection-lost');
    for (const code of [ErrorCode.NO_ERROR, ErrorCode.PROTOCOL_ERROR, ErrorCode.INTERNAL_ERROR])
      assert.equal(made(code, false).disposition, 'stream-reset', String(code));
    for (const code of [ErrorCode.CANCEL, ErrorCode.ENHANCE_YOUR_CALM])
      assert.equal(made(code, false).disposition, undefined, String(code));
  });

  it('says which connection was lost, so that all calls on it count as one event', () => {
    for (const notProcessed of [true, false])
      assert.equal(made(connectionLost, notProcessed).lostConnection, connection);
  });
});

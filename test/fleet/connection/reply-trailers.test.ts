/** Trailers of a backend: one clear status goes on, whatever came. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { normalTrailers } from '../../../src/fleet/connection/reply-trailers.ts';

describe('the trailers of a backend', () => {
  for (const [name, given, wanted] of [
    ['a status that is clear goes on as it came', ['grpc-status', '5'], ['grpc-status', '5']],
    ['of several the last one counts', ['grpc-status', '5', 'grpc-status', '0'], ['grpc-status', '0']],
    ['"03" is 3', ['grpc-status', '03'], ['grpc-status', '3']],
    ['an unreadable one is UNKNOWN', ['grpc-status', 'x', 'a', 'b'], ['grpc-status', '2', 'a', 'b']],
    ['a message with status 0 says nothing', ['grpc-status', '0', 'grpc-message', 'm'], ['grpc-status', '0']],
    [
      'a missing one is UNKNOWN, and says so',
      ['a', 'b'],
      ['a', 'b', 'grpc-status', '2', 'grpc-message', 'the backend ended the call without a status'],
    ],
  ] as const)
    it(name, () => {
      assert.deepEqual(normalTrailers(given), wanted);
    });
});

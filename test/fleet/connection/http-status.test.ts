/** HTTP statuses as gRPC statuses: http-grpc-status-mapping.md, and UNKNOWN for all others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeName } from '../../../src/base/status.ts';
import { codeOfHttpStatus } from '../../../src/fleet/connection/http-status.ts';

describe('an answer that carries no grpc-status', () => {
  it('has the code that the mapping of gRPC gives its HTTP status', () => {
    const mapped = [400, 401, 403, 404, 429, 502, 503, 504].map((status) =>
      codeName(codeOfHttpStatus(status)),
    );
    assert.deepEqual(mapped, [
      'INTERNAL',
      'UNAUTHENTICATED',
      'PERMISSION_DENIED',
      'UNIMPLEMENTED',
      ...['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE'],
    ]);
    for (const status of [200, 204, 301, 418, 500, Number.NaN])
      assert.equal(codeName(codeOfHttpStatus(status)), 'UNKNOWN', String(status));
  });
});

/** How long calls may take by their method and what their clients ask. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { timeoutOf } from '../../src/front/timeout.ts';
import { methodOf } from '../../src/models/index.ts';

const options = { defaultMs: 1000, maxMs: 60_000 };
const method = (name: string): ReturnType<typeof methodOf> =>
  methodOf(`/inference.GRPCInferenceService/${name}`);

describe('timeouts', () => {
  it('are the default for calls without one, and the most for those that change servers', () => {
    assert.equal(timeoutOf(method('ModelInfer'), undefined, options), 1000);
    assert.equal(timeoutOf(method('ModelConfig'), undefined, options), 1000);
    assert.equal(timeoutOf(method('RepositoryModelLoad'), undefined, options), 60_000);
    assert.equal(timeoutOf(method('RepositoryModelLoad'), '2S', options), 2000);
    assert.equal(timeoutOf(method('RepositoryModelLoad'), '1H', options), 60_000);
    assert.equal(timeoutOf(method('ModelStreamInfer'), undefined, options), Number.POSITIVE_INFINITY);
  });
});

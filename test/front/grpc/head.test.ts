/** Header fields of an RPC that come twice: all of them count, and what may not be a list is refused as one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionFields, hopByHopFields } from '../../../src/base/http-fields.ts';
import { allMetadata } from '../../../src/call/index.ts';
import { headOf } from '../../../src/fleet/connection/reply-head.ts';
import { rpcHead } from '../../../src/front/grpc/head.ts';
import { headersOf } from '../../../src/front/grpc/reply-head.ts';
import { httpHead } from '../../../src/front/json/head.ts';

const path = '/tensorflow.serving.PredictionService/Predict';
const rpc = (...more: string[]) =>
  rpcHead([':method', 'POST', ':path', path, 'content-type', 'application/grpc', ...more]);

describe('fields that come twice', () => {
  it('are joined in their order', () => {
    const fields = ['x', 'a', 'y', 'b', 'x', 'c', 'x', ''];
    assert.equal(allMetadata(fields, 'x'), 'a, c, ');
    assert.equal(allMetadata(fields, 'y'), 'b');
    assert.equal(allMetadata(fields, 'z'), undefined);
  });

  it('are neither of two in the head of an RPC', () => {
    assert.equal(rpc('content-type', 'text/plain'), undefined, 'no gRPC');
    const head = rpc(
      ...['grpc-timeout', '1S', 'grpc-timeout', '9S'],
      ...['x-request-id', 'a', 'x-request-id', 'b'],
      ...['grpc-encoding', 'gzip', 'grpc-encoding', 'identity'],
      ...['origin', 'https://a', 'origin', 'https://b'],
    );
    assert.equal(head?.timeout, '1S, 9S');
    assert.equal(head.requestId, 'a, b');
    assert.equal(head.encoding, 'gzip, identity');
    assert.equal(head.origin, 'https://a, https://b');
    // the backend gets them as they came
    assert.deepEqual(head.metadata.slice(2, 6), ['x-request-id', 'a', 'x-request-id', 'b']);
  });

  it('are neither of two in the head of a request over HTTP', () => {
    const head = httpHead(
      [':method', 'GET', ':path', '/', 'origin', 'https://a', 'origin', 'https://b'],
      () => false,
    );
    assert.equal(head.origin, 'https://a, https://b');
  });
});

describe('fields of one hop only', () => {
  const hop = [...hopByHopFields].filter((name) => !connectionFields.has(name));
  const sent = hop.flatMap((name) => [name, 'for this hop']);

  it('are no metadata of a call: what a client says to the proxy before it reaches no backend', () => {
    assert.deepEqual(rpc(...sent, 'authorization', 'Bearer x')?.metadata, [
      ...['content-type', 'application/grpc'],
      ...['authorization', 'Bearer x'],
    ]);
  });

  it('of a backend reach no client', () => {
    const fields = [':status', '200', 'content-type', 'application/grpc', ...sent, 'x-own', 'a'];
    const head = headOf(fields, false);
    assert.deepEqual('metadata' in head && head.metadata, ['content-type', 'application/grpc', 'x-own', 'a']);
    const answered = headersOf([...sent, 'x-own', 'a'], 'application/grpc', undefined);
    for (const name of hop) assert.equal(answered.includes(name), false, name);
  });
});

/** What servers say of models that they lack, in the protocol's terms. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import { v2Server } from '../../src/bridge/index.ts';
import { inProtocol } from '../../src/models/index.ts';
import { VersionNames } from '../../src/models/version-names.ts';

const words = 'Model m with version 9 not found';
const uncaught = `Unexpected <class 'mlserver.errors.ModelNotFound'>: ${words}`;
const said = (code: Code, message: string, fromBackend = true): StatusError =>
  new StatusError(code, message, { fromBackend, where: 'b:1' });

describe('a model that a server lacks', () => {
  it('is NOT_FOUND where MLServer says so by an exception', () => {
    const reason = inProtocol(said(Code.UNKNOWN, uncaught));
    assert.ok(reason instanceof StatusError);
    assert.deepEqual(
      [reason.code, reason.message, reason.fromBackend, reason.where],
      [Code.NOT_FOUND, words, true, 'b:1'],
    );
  });

  it('leaves all other reasons as they are', () => {
    const others = [
      said(Code.UNKNOWN, `Unexpected <class 'ValueError'>: ${uncaught}`),
      said(Code.UNKNOWN, uncaught, false),
      said(Code.NOT_FOUND, words),
      new Error(uncaught),
    ];
    for (const reason of others) assert.equal(inProtocol(reason), reason);
  });

  it('is what readiness over gRPC says, to health as to clients', async () => {
    const server = v2Server(() => Promise.reject(said(Code.UNKNOWN, uncaught)), new VersionNames(), 9999);
    await assert.rejects(async () => server.v2?.ready('m', '9'), { code: Code.NOT_FOUND, message: words });
  });
});

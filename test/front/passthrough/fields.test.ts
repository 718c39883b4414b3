/** Which header fields pass the proxy, each way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replyFields, requestFields } from '../../../src/front/passthrough/fields.ts';

describe('header fields that pass the proxy', () => {
  it('give a backend the client’s own, its API key among them, and its host in the place of ours', () => {
    const fields = {
      host: 'gateway',
      authorization: 'Bearer key',
      cookie: 'a=1; b=2',
      'openai-organization': 'acme',
      'content-type': 'application/json',
      'content-length': '2',
      'content-encoding': 'gzip',
      accept: 'text/event-stream',
    };
    assert.deepEqual(requestFields(fields, 'keep-alive', { host: 'backend:1', id: 'id-1', hasBody: true }), {
      ...fields,
      host: 'backend:1',
      'x-request-id': 'id-1',
    });
  });

  it('lose what is for one hop, what Connection names, and what a client can forge', () => {
    const fields = {
      host: 'gateway',
      'keep-alive': 'timeout=5',
      te: 'trailers',
      trailer: 'x',
      'transfer-encoding': 'chunked',
      upgrade: 'websocket',
      'proxy-authorization': 'Basic x',
      'proxy-connection': 'keep-alive',
      'http2-settings': 'x',
      expect: '100-continue',
      forwarded: 'for=1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-host': 'evil',
      'x-real-ip': '1.2.3.4',
      'x-hop': 'named by Connection',
      'x-kept': 'yes',
      'content-length': '0',
    };
    assert.deepEqual(
      requestFields(fields, 'close, X-Hop', { host: 'backend:1', id: 'id-1', hasBody: false }),
      { host: 'backend:1', 'x-request-id': 'id-1', 'x-kept': 'yes' },
    );
  });

  it('give a client the backend’s without its CORS answers and its address', () => {
    assert.deepEqual(
      replyFields(
        {
          'content-type': 'text/event-stream',
          'set-cookie': ['a=1', 'b=2'],
          connection: 'keep-alive, x-hop',
          'keep-alive': 'timeout=5',
          'transfer-encoding': 'chunked',
          'x-hop': '1',
          'access-control-allow-origin': '*',
          'access-control-allow-credentials': 'true',
          'x-served-by': 'somebody else',
          location: 'http://backend:1/v3/files/1',
        },
        'http://backend:1',
      ),
      { 'content-type': 'text/event-stream', 'set-cookie': ['a=1', 'b=2'], location: '/v3/files/1' },
    );
  });

  it('leave redirects to other places as they are', () => {
    for (const location of ['https://files.example/x', 'http://backend:11/x', '/v3/x'])
      assert.deepEqual(replyFields({ location }, 'http://backend:1'), { location });
  });
});

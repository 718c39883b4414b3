/** A REST server's error that is long keeps its status, and the beginning of its text. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { startTestGateway } from '../../support/index.ts';

it('an error of 200 KB from a REST server is its own, cut', async (t) => {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    if (request.method === 'POST')
      response.writeHead(400).end(JSON.stringify({ error: 'e'.repeat(200_000) }));
    else if (request.url === '/v2') response.end('{"extensions": []}');
    else if (request.url?.endsWith('/ready') === true) response.end();
    else
      response.end(
        JSON.stringify({
          name: 'm',
          versions: ['1'],
          platform: '',
          inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
          outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
        }),
      );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const gateway = await startTestGateway([`kserve+http://127.0.0.1:${port}`]);
  t.after(() => gateway.stop());
  const answer = await fetch(`http://${gateway.rest}/v1/models/m:predict`, {
    method: 'POST',
    body: '{"inputs": [1]}',
  });
  const { error } = (await answer.json()) as { error: string };
  assert.equal(answer.status, 400);
  assert.match(error, /^e{4000,8000}\.\.\.$/);
});

/**
 * What a REST backend is asked once for all calls: no call's end ends it for the others, and one that it keeps
 * waiting ends in time.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { emptied } from '../support/held.ts';
import { modelAnswers } from '../support/model-answers.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  RawClient,
  rst,
  startTestGateway,
  waitFor,
} from '../support/index.ts';

const answers: Readonly<Record<string, unknown>> = {
  ...modelAnswers,
  '/v1/models/half_plus_two:predict': { outputs: [2.5] },
  '/v2': { name: 'test', extensions: [] },
  '/v2/models/half_plus_two/infer': { model_name: 'half_plus_two', model_version: '1', outputs: [] },
};

for (const [scheme, shared] of [
  ['tfs+http', '/v1/models/half_plus_two/metadata'],
  ['kserve+http', '/v2'],
] as const) {
  it(`a call that leaves does not take along those who wait for the same ${shared}`, async (t) => {
    const asked: ServerResponse[] = [];
    let open = false;
    const server = createServer((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      if (request.url === shared && !open) asked.push(response);
      else response.end(JSON.stringify(answers[request.url ?? ''] ?? {}));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const gateway = await startTestGateway([`${scheme}://127.0.0.1:${port}`], { hedge: { enabled: false } });
    const clients = await Promise.all([0, 1, 2].map(() => RawClient.open(gateway.grpc)));
    const [first, second, third] = clients as [RawClient, RawClient, RawClient];
    t.after(async () => {
      for (const client of clients) client.destroy();
      await gateway.stop();
      server.close();
      server.closeAllConnections();
    });
    const call = (more: readonly string[] = []): Buffer =>
      Buffer.concat([
        headers(1, predictFields(more)),
        frame(h2.DATA, h2.END_STREAM, 1, framed(predictMessage())),
      ]);
    first.send(call());
    await waitFor(() => asked.length > 0, 5000, 'the question');
    second.send(call());
    third.send(call(['grpc-timeout', '200m']));
    assert.equal(fieldOf(await third.untilEnd(1), 'grpc-status'), '4');
    first.send(rst(1, 8));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(second.answer(1).ended, false, fieldOf(second.answer(1), 'grpc-message'));
    open = true;
    for (const response of asked) response.end(JSON.stringify(answers[shared]));
    assert.equal(fieldOf(await second.untilEnd(1), 'grpc-status'), '0');
    await emptied(gateway.admin);
  });
}

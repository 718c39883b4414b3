/**
 * What becomes of answers that no careful server writes: read, or told as malformed; asked for once, and nobody is
 * ejected for them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type Answer,
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  type RawBackend,
  type RawCall,
  RawClient,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  windowUpdate,
} from '../../support/index.ts';
import { malformed, odd } from './answers.ts';

const request = framed(predictMessage());

describe('a model server that answers with', () => {
  let backends: RawBackend[];
  let gateway: TestGateway;
  let client: RawClient;
  let id = -1;
  let answer: (call: RawCall) => void;
  before(async () => {
    const start = (): Promise<RawBackend> => startRawBackend({ onCall: (call) => answer(call) });
    backends = [await start(), await start()];
    // a hedge would be a second question
    const quiet = { hedge: { enabled: false } };
    gateway = await startTestGateway(
      backends.map(({ url }) => url),
      quiet,
    );
    client = await RawClient.open(gateway.grpc, [[4, 2 ** 30]]);
    client.send(windowUpdate(0, 2 ** 30));
  });
  after(async () => {
    client.destroy();
    await gateway.stop();
    for (const backend of backends) backend.close();
  });
  const calls = (): number => backends.reduce((sum, backend) => sum + backend.calls.length, 0);
  const connections = (): number => backends.reduce((sum, backend) => sum + backend.connections, 0);
  const ask = async (): Promise<Answer> => {
    id += 2;
    client.send(headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request));
    return client.untilEnd(id);
  };

  for (const { name, answer: answering, status, message, sees } of [...odd, ...malformed]) {
    it(name, async () => {
      answer = answering;
      const before_ = calls();
      const made = connections();
      // more often than it takes to eject, and so that lists come again
      for (let i = 0; i < 12; i++) {
        const got = await ask();
        assert.equal(fieldOf(got, 'grpc-status'), status, fieldOf(got, 'grpc-message'));
        const names = [...got.headers, ...got.trailers].filter((_, at) => at % 2 === 0);
        assert.equal(names.filter((each) => each === 'grpc-status').length, 1);
        if (typeof message === 'string') assert.equal(fieldOf(got, 'grpc-message'), message);
        else if (message !== undefined) assert.match(fieldOf(got, 'grpc-message') ?? '', message);
        if (status === '0') assert.equal(fieldOf(got, 'grpc-message'), undefined);
        for (const [field, value] of Object.entries(sees ?? {}))
          assert.equal(fieldOf(got, field), value, field);
      }
      assert.equal(calls() - before_, 12, 'asked for once each');
      assert.equal(connections(), made, 'the connections stay');
      const page = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
        fleets: { backends: { up: boolean; models: { ejected?: unknown }[] }[] }[];
      };
      for (const { up, models } of page.fleets.flatMap((fleet) => fleet.backends)) {
        assert.equal(up, true);
        assert.deepEqual(
          models.map(({ ejected }) => ejected),
          [undefined],
        );
      }
    });
  }
});

/**
 * Deadlines of clients that do nothing to be answered: silent after their head, half a message, or no window for the
 * answer.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  RawClient,
  startVictim,
  type Victim,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

describe('deadlines that strike while', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    // nothing else ends these calls in the time of a test
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      { doors: { bodyTimeoutMs: 600_000, writeTimeoutMs: 600_000 }, deadlines: { defaultMs: 1500 } },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  const timeout = ['grpc-timeout', '300m'];
  const web = (fields: string[]): string[] =>
    fields.map((field) => (field === 'application/grpc' ? 'application/grpc-web+proto' : field));
  const request = framed(predictMessage());

  for (const [name, fields, sent] of [
    ['nothing follows the head', predictFields(timeout), Buffer.alloc(0)],
    [
      'nothing follows the head, and it is over by then',
      predictFields(['grpc-timeout', '1n']),
      Buffer.alloc(0),
    ],
    ['nothing follows the head, and the deadline is ours', predictFields(), Buffer.alloc(0)],
    ['a message ends before its model', predictFields(timeout), request.subarray(0, 8)],
    [
      'a compressed message is not whole',
      predictFields([...timeout, 'grpc-encoding', 'gzip']),
      Buffer.concat([Buffer.from([1, 0, 0, 1, 0]), Buffer.alloc(100)]),
    ],
  ] as const) {
    it(name, async (t) => {
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      client.send(headers(1, fields));
      if (sent.length > 0) client.send(frame(h2.DATA, 0, 1, sent));
      const answer = await client.untilEnd(1, 20_000);
      assert.equal(fieldOf(answer, 'grpc-status'), '4', String(answer.headers));
      assert.match(fieldOf(answer, 'grpc-message') ?? '', /not known yet which model/);
      assert.doesNotMatch(victim.output(), /TimeoutNegativeWarning/);
    });
  }

  const echo = framed(predictMessage('echo', 20_000));
  const whole = (id: number, fields: readonly string[]): Buffer[] => [
    headers(id, fields),
    ...Array.from({ length: Math.ceil(echo.length / 16_384) }, (_, i) => {
      const part = echo.subarray(i * 16_384, (i + 1) * 16_384);
      return frame(h2.DATA, (i + 1) * 16_384 >= echo.length ? h2.END_STREAM : 0, id, part);
    }),
  ];

  it('the answer waits for a window: the trailers need none', async (t) => {
    const client = await RawClient.open(victim.grpc, [[4, 0]]);
    t.after(() => client.destroy());
    client.send(...whole(1, predictFields(['grpc-timeout', '800m'])));
    const answer = await client.untilEnd(1, 20_000);
    assert.equal(fieldOf(answer, ':status'), '200');
    assert.equal(fieldOf(answer, 'grpc-status'), '4');
    assert.equal(answer.bytes, 0);
    // the connection serves on
    client.send(windowUpdate(0, 2 ** 20), ...whole(3, predictFields()), windowUpdate(3, 2 ** 20));
    assert.equal(fieldOf(await client.untilEnd(3, 20_000), 'grpc-status'), '0');
  });

  it('the answer of a gRPC-Web call waits for a window: its trailers would need one, so it is reset', async (t) => {
    const client = await RawClient.open(victim.grpc, [[4, 0]]);
    t.after(() => client.destroy());
    client.send(...whole(1, web(predictFields(['grpc-timeout', '800m']))));
    await waitFor(() => client.answer(1).reset !== undefined, 20_000, 'a reset');
    assert.equal(client.answer(1).reset, 8);
    assert.equal(client.goaway, undefined);
  });

  it('the answer is read, slowly but in time: nothing is cut', async (t) => {
    const client = await RawClient.open(victim.grpc, [[4, 0]]);
    t.after(() => client.destroy());
    client.send(windowUpdate(0, 2 ** 20), ...whole(1, predictFields(['grpc-timeout', '60S'])));
    for (let given = 20_000; !client.answer(1).ended; given += 20_000) {
      client.send(windowUpdate(1, 20_000));
      await waitFor(() => client.answer(1).ended || client.answer(1).bytes >= given, 10_000, 'the next part');
    }
    assert.equal(fieldOf(await client.untilEnd(1, 20_000), 'grpc-status'), '0');
  });
});

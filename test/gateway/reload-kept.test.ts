/** What a reload leaves as it is: what clients have used up, whose turn it is, and what is under way elsewhere. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodePredictRequest, type Tensor } from '../../src/codec/index.ts';
import {
  predictMessage,
  predictReply,
  rawAnswer,
  type RawBackend,
  type RawCall,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';
import { type PredictClient, predictClient } from '../journeys/predict-client.ts';

const uint64 = (value: bigint): Tensor => ({
  dtype: 'uint64',
  shape: [1],
  bytes: new Uint8Array(BigUint64Array.of(value).buffer),
});

const sequenceCall = Buffer.concat(
  encodePredictRequest({
    spec: { name: 'half_plus_two', signature: '' },
    inputs: new Map([['sequence_id', uint64(7n)]]),
    outputFilter: [],
  }),
);

interface Started {
  readonly gateway: TestGateway;
  /** A call, and what became of it. */
  readonly ask: (message?: Buffer) => Promise<string>;
}

describe('a reload', () => {
  const held: RawCall[] = [];
  let backend: RawBackend;
  let gateway: TestGateway | undefined;
  let client: PredictClient | undefined;
  /** Which calls the backend does not answer. */
  let holds: (call: RawCall) => boolean = () => false;

  before(async () => {
    backend = await startRawBackend({
      onCall: (call) => {
        if (holds(call)) held.push(call);
        else call.send(rawAnswer(call.id, predictReply));
      },
    });
  });
  after(() => {
    backend.close();
  });

  async function start(config: Record<string, unknown>): Promise<Started> {
    gateway = await startTestGateway([backend.url], config);
    const opened = (client = predictClient(gateway.grpc));
    const ask = (message = predictMessage()): Promise<string> =>
      opened.predict(message, { deadlineMs: 20_000 }).then(
        () => 'answered',
        (error: unknown) => String(error),
      );
    return { gateway, ask };
  }

  async function stop(): Promise<void> {
    client?.close();
    await gateway?.stop();
  }

  it('hands out no fresh burst of a rate limit that stays, and a new one where the limit is another', async () => {
    const limit = { name: 'all', by: 'model', perSecond: 0.01, burst: 3 };
    const { gateway: tested, ask } = await start({ rateLimits: [limit] });
    try {
      for (let i = 0; i < 3; i++) assert.equal(await ask(), 'answered');
      assert.match(await ask(), /rate limit all/);
      await tested.reload();
      assert.match(await ask(), /rate limit all/);
      await tested.configure({ rateLimits: [limit], queue: { maxLength: 7 } });
      assert.match(await ask(), /rate limit all/);
      await tested.configure({ rateLimits: [{ ...limit, burst: 4 }] });
      assert.equal(await ask(), 'answered');
    } finally {
      await stop();
    }
  });

  it('lets calls of one sequence go one at a time, whichever side of it they came', async () => {
    const { gateway: tested, ask } = await start({ models: { half_plus_two: { stateful: true } } });
    try {
      holds = ({ bytes }) => bytes === sequenceCall.length + 5;
      const answers = [ask(sequenceCall)];
      await waitFor(() => held.length === 1);
      answers.push(ask(sequenceCall));
      await tested.reload();
      answers.push(ask(sequenceCall));
      // a call that came later and is of no sequence has been answered: the others would have been there before it
      assert.equal(await ask(), 'answered');
      assert.equal(held.length, 1);
      holds = () => false;
      for (const call of held) call.send(rawAnswer(call.id, predictReply));
      assert.deepEqual(await Promise.all(answers), ['answered', 'answered', 'answered']);
    } finally {
      holds = () => false;
      held.length = 0;
      await stop();
    }
  });

  it('gives backends the limit that it names', async () => {
    const fleets = (maxInFlight: number): Record<string, unknown> => ({
      queue: { maxWaitMs: 20_000 },
      models: { half_plus_two: {} },
      fleets: { default: { backends: [backend.url], concurrency: { maxInFlight } } },
    });
    const { gateway: tested, ask } = await start(fleets(1));
    try {
      holds = () => true;
      const answers = Array.from({ length: 6 }, () => ask());
      await waitFor(() => held.length === 1);
      await tested.configure(fleets(4));
      await waitFor(() => held.length === 4);
      holds = () => false;
      for (const call of held) call.send(rawAnswer(call.id, predictReply));
      assert.deepEqual(
        await Promise.all(answers),
        answers.map(() => 'answered'),
      );
    } finally {
      holds = () => false;
      held.length = 0;
      await stop();
    }
  });
});

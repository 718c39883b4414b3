/**
 * Calls that wait in line while the configuration is reloaded: none is refused or lost, whatever the reload changes.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
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
import { predictClient } from '../journeys/predict-client.ts';

/** Most of them wait: the backend has one call at a time. */
const calls = 240;
/** A line that is looked at every now and then, and not told of room, would need longer. */
const queue = { maxWaitMs: 8000, maxLength: 1000 };
const concurrency = { maxInFlight: 1 };

interface Held {
  readonly backend: RawBackend;
  /** Answers what has come, and from now on everything at once. */
  readonly open: () => void;
}

/** A backend that answers nothing until it is told to. */
async function startHeld(): Promise<Held> {
  const held: RawCall[] = [];
  let isOpen = false;
  const answer = (call: RawCall): void => {
    call.send(rawAnswer(call.id, predictReply));
  };
  const backend = await startRawBackend({
    onCall: (call) => {
      if (isOpen) answer(call);
      else held.push(call);
    },
  });
  return {
    backend,
    open() {
      isOpen = true;
      for (const call of held) answer(call);
    },
  };
}

/** @returns how many calls of the model wait, by the gateway's metric */
async function waiting({ admin }: TestGateway): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return Number(/^tensorgate_queued_requests\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

describe('a reload while calls wait in line', () => {
  let silent: { url: string; close(): void };
  before(async () => {
    // it takes connections and says nothing: whoever looks at it first waits for a second
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    silent = {
      url: `tfs://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () => server.close(),
    };
  });
  after(() => {
    silent.close();
  });

  const fleet = (...backends: string[]): object => ({ default: { backends, concurrency } });
  const models = { half_plus_two: {} };
  const cases: readonly [string, (url: string) => Record<string, unknown>][] = [
    ['changes nothing', (url) => ({ queue, models, fleets: fleet(url) })],
    ['adds a backend that says nothing', (url) => ({ queue, models, fleets: fleet(url, silent.url) })],
    [
      'gives the fleet another name',
      (url) => ({
        queue,
        models,
        defaultFleet: 'other',
        fleets: { other: { backends: [url], concurrency } },
      }),
    ],
    [
      'sends the model to another fleet',
      (url) => ({
        queue,
        models: { half_plus_two: { fleet: 'other' } },
        fleets: { ...fleet(url), other: { backends: [url], concurrency } },
      }),
    ],
    ['turns the line off', (url) => ({ queue: { enabled: false }, models, fleets: fleet(url) })],
    [
      'turns connections over',
      (url) => ({
        queue,
        models,
        fleets: { default: { backends: [url], concurrency, connection: { maxConnections: 3 } } },
      }),
    ],
  ];
  for (const [what, next] of cases) {
    for (const when of ['before', 'after'] as const) {
      it(`refuses nobody when it ${what}, and room comes ${when} its end`, { timeout: 40_000 }, async () => {
        const { backend, open } = await startHeld();
        const gateway = await startTestGateway([], { queue, models, fleets: fleet(backend.url) });
        const client = predictClient(gateway.grpc);
        try {
          const answers = Array.from({ length: calls }, () =>
            client.predict(predictMessage(), { deadlineMs: 30_000 }).then(
              () => '',
              (error: unknown) => String(error),
            ),
          );
          await waitFor(async () => (await waiting(gateway)) === calls - 1, 5000);
          const reloaded = gateway.configure(next(backend.url));
          if (when === 'after') await reloaded;
          open();
          const failures = (await Promise.all(answers)).filter((failure) => failure !== '');
          assert.deepEqual(failures, []);
          await reloaded;
        } finally {
          client.close();
          await gateway.stop();
          backend.close();
        }
      });
    }
  }

  it('refuses nobody over three reloads, one after the other', { timeout: 40_000 }, async () => {
    const { backend, open } = await startHeld();
    const gateway = await startTestGateway([], { queue, models, fleets: fleet(backend.url) });
    const client = predictClient(gateway.grpc);
    try {
      const answers: Promise<string>[] = [];
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 40; i++)
          answers.push(
            client.predict(predictMessage(), { deadlineMs: 30_000 }).then(
              () => '',
              (error: unknown) => String(error),
            ),
          );
        await waitFor(async () => (await waiting(gateway)) > 0);
        await gateway.reload();
      }
      open();
      assert.deepEqual(
        (await Promise.all(answers)).filter((failure) => failure !== ''),
        [],
      );
    } finally {
      client.close();
      await gateway.stop();
      backend.close();
    }
  });
});

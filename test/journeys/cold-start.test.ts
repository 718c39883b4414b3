/** Many clients at once at a model server that has just started: its first answers are no reason to refuse anybody. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import {
  predictMessage,
  predictReply,
  rawAnswer,
  type RawCall,
  sleep,
  startRawBackend,
  startTestGateway,
} from '../support/index.ts';
import { nonceRequest } from './history.ts';
import { predictClient } from './predict-client.ts';

const clients = 64;
/** Those who are answered first ask again, while the others wait. */
const calls = 100;
const serviceMs = 21;
/** Half of it is the longest wait in line: several times what the line takes. In ms. */
const deadlineMs = 10_000;

/** All ask at once, through a gateway that gives the backend six calls at a time. @returns the failures */
async function failuresAt(backend: string, model: string, request: Buffer): Promise<string[]> {
  const gateway = await startTestGateway([], {
    queue: { maxLength: 4096, maxWaitMs: 20_000 },
    fleets: { default: { backends: [backend], concurrency: { maxInFlight: 6 } } },
    // it is watched from the start: calls for other models are let in while these are looked for
    models: { [model]: {} },
  });
  const client = predictClient(gateway.grpc);
  const failures: string[] = [];
  let asked = 0;
  try {
    const one = async (): Promise<void> => {
      while (asked++ < calls)
        await client.predict(request, { deadlineMs }).catch((error: unknown) => failures.push(String(error)));
    };
    await Promise.all(Array.from({ length: clients }, one));
  } finally {
    client.close();
    await gateway.stop();
  }
  return failures;
}

describe('64 clients at once at a server that does one call at a time', () => {
  it(`are all served in twelve cold starts of a model of ${serviceMs} ms`, { timeout: 120_000 }, async () => {
    for (let start = 0; start < 12; start++) {
      const fleet = await startDemoFleet({
        replicas: 1,
        models: ['echo'],
        flags: ['--latency-ms', String(serviceMs), '--slots', '1'],
      });
      try {
        const failures = await failuresAt(fleet.backends[0]?.url ?? '', 'echo', nonceRequest('echo', 1n));
        assert.deepEqual(failures, [], `start ${start}`);
      } finally {
        await fleet.stop();
      }
    }
  });

  for (const firstMs of [[2000], [500, 400, 300], [20, 1000, 20, 1000]]) {
    const name = `are all served when the first answers take ${firstMs.join(', ')} ms`;
    it(name, { timeout: 60_000 }, async () => {
      const waiting: RawCall[] = [];
      let answered = 0;
      let working = false;
      const work = async (): Promise<void> => {
        if (working) return;
        working = true;
        for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
          await sleep(firstMs[answered++] ?? serviceMs);
          call.send(rawAnswer(call.id, predictReply));
        }
        working = false;
      };
      const backend = await startRawBackend({
        onCall: (call) => {
          waiting.push(call);
          void work();
        },
      });
      try {
        assert.deepEqual(await failuresAt(backend.url, 'half_plus_two', predictMessage()), []);
        assert.equal(backend.calls.length, calls);
      } finally {
        backend.close();
      }
    });
  }
});

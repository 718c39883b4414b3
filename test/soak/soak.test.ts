/** Mixed calls in a row of rounds: memory and open streams must be flat. TENSORGATE_SOAK_ROUNDS makes it long. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { startDemoFleet } from '../../src/demo/index.ts';
import { framed, predictMessage, predictPath, startVictim, waitFor } from '../support/index.ts';

/** One round is 300 calls: half a minute of modest load. Sixty rounds are half an hour of it. */
const rounds = Number(process.env.TENSORGATE_SOAK_ROUNDS ?? 8);
const same = (bytes: Buffer): Buffer => bytes;

it(`serves ${rounds} rounds of mixed calls in the same memory`, { timeout: rounds * 30_000 }, async (t) => {
  const fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two', 'echo'] });
  t.after(() => fleet.stop());
  const victim = await startVictim(fleet.backends.map(({ url }) => url));
  t.after(() => victim.stop());
  const client = new Client(victim.grpc, credentials.createInsecure());
  t.after(() => client.close());
  const unary = (message: Buffer, cancelAfterMs?: number): Promise<number> =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + 20_000 };
      const call = client.makeUnaryRequest(predictPath, same, same, message, options, (error) =>
        resolve(error?.code ?? 0),
      );
      if (cancelAfterMs !== undefined) setTimeout(() => call.cancel(), cancelAfterMs);
    });
  const rest = async (body: string, model = 'half_plus_two'): Promise<number> => {
    const answer = await fetch(`http://${victim.rest}/v1/models/${model}:predict`, { method: 'POST', body });
    await answer.arrayBuffer();
    return answer.status;
  };
  const web = async (): Promise<number> => {
    const headers = { 'content-type': 'application/grpc-web+proto' };
    const body = framed(predictMessage());
    const answer = await fetch(`http://${victim.rest}${predictPath}`, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    return answer.status;
  };
  const [small, big] = [predictMessage(), predictMessage('echo', 150_000)];
  const numbers = `{"instances":[${Array.from({ length: 20_000 }, (_, i) => i / 8).join(',')}]}`;
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 15; i++) {
      const results = await Promise.all([
        ...Array.from({ length: 8 }, () => unary(small)),
        unary(predictMessage('nobody_has_this')),
        unary(small, 0),
        unary(big),
        unary(big, 2),
        rest('{"instances":[1.0]}'),
        rest('{"instances":['),
        rest('{"instances":[1.0]}', 'nobody_has_this'),
        rest(numbers),
        web(),
        web(),
        rest('{"instances":[1.0,2.0,5.0]}'),
        unary(small),
      ]);
      assert.deepEqual(results.slice(0, 8), [0, 0, 0, 0, 0, 0, 0, 0]);
      assert.deepEqual([results[8], results[10]], [5, 0]);
      assert.deepEqual(results.slice(12), [200, 400, 404, 200, 200, 200, 200, 0]);
    }
    memory.push(victim.rss());
  }
  await waitFor(
    async () => !/backend_in_flight\{[^}]*\} [1-9]/.test(await victim.metrics()),
    5000,
    'no call',
  );
  const half = memory.slice(Math.floor(memory.length / 2));
  const text = memory.map((mebi) => mebi.toFixed()).join(' ');
  console.log(`memory after each round, in MiB: ${text}`);
  assert.ok(Math.max(...half) < (half[0] as number) * 1.2 + 8, text);
});

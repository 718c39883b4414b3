/**
 * What is hot is compiled, and stays so: V8 gives a compilation up when it has met an object of a shape that is none
 * any more, and begins anew at once, for ever, where such an object is held on to. That costs more than all calls,
 * and no profile of the program shows it.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { startDemoFleet } from '../../src/demo/index.ts';
import { framed, predictMessage, predictPath, startVictim } from '../support/index.ts';

/** Half-lives of figures are ten seconds: only then do counts become fractions. */
const [phaseMs, phases] = [6000, 5];
/** A function is given up once or twice while shapes settle; in a loop it is fifty times in ten seconds. */
const most = 12;
/** Those of bin/tensorgate; and V8 says what it compiles. */
const nodeFlags = ['--no-maglev', '--trace-opt', '--trace-deopt'];

const same = (bytes: Buffer): Buffer => bytes;

it('nothing is compiled again and again', { timeout: 240_000 }, async (t) => {
  const fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two', 'echo'] });
  t.after(() => fleet.stop());
  const gateway = await startVictim(
    fleet.backends.map(({ url }) => url),
    {
      fleets: { default: { concurrency: { maxInFlight: 6, adaptive: true } } },
      queue: { maxLength: 100 },
      rateLimits: [{ name: 'all', perSecond: 1_000_000, burst: 1_000_000 }],
    },
    nodeFlags,
  );
  t.after(() => gateway.stop());
  const client = new Client(gateway.grpc, credentials.createInsecure());
  t.after(() => client.close());
  const [small, large] = [predictMessage(), predictMessage('half_plus_two', 50_000)];
  const byGrpc = (message: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + 20_000 };
      client.makeUnaryRequest(predictPath, same, same, message, options, () => {
        resolve();
      });
    });
  const post = async (path: string, type: string, body: string | Buffer): Promise<void> => {
    const headers = { 'content-type': type };
    await (await fetch(`http://${gateway.rest}${path}`, { method: 'POST', headers, body })).arrayBuffer();
  };
  const byRest = (): Promise<void> =>
    post('/v1/models/half_plus_two:predict', 'application/json', '{"instances":[1.0,2.5]}');
  const byWeb = (): Promise<void> => post(predictPath, 'application/grpc-web+proto', framed(small));
  const inV2 = (): Promise<void> =>
    post(
      '/v2/models/half_plus_two/infer',
      'application/json',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}',
    );
  let calls = 0;
  const load = async (untilMs: number, ...ways: (() => Promise<void>)[]): Promise<void> => {
    const one = async (): Promise<void> => {
      for (let i = 0; performance.now() < untilMs; i++, calls++) await ways[i % ways.length]?.();
    };
    await Promise.all(Array.from({ length: 12 }, one));
  };
  const failing = (failRate: number): Promise<Response> =>
    fetch(`${fleet.backends[0]?.control ?? ''}/faults`, {
      method: 'POST',
      body: JSON.stringify({ failRate }),
    });
  for (let phase = 0; phase < phases; phase++) {
    // large ones now and then, so that what is known of them lies idle for a while
    if (phase % 2 === 0) await load(performance.now() + 500, () => byGrpc(large));
    await failing(phase % 2 === 0 ? 0 : 0.05);
    await load(
      performance.now() + phaseMs,
      () => byGrpc(small),
      () => byGrpc(small),
      byRest,
      byWeb,
      inV2,
    );
  }
  const given = new Map<string, number>();
  for (const [, name = '', why = ''] of gateway
    .output()
    .matchAll(/\[aborted optimizing \S+ <JSFunction (\S*) .* because: (.*) - took/g)) {
    const key = `${name}: ${why}`;
    given.set(key, (given.get(key) ?? 0) + 1);
  }
  const sorted = [...given].sort(([, a], [, b]) => b - a);
  t.diagnostic(`${calls} calls; given up most often: ${JSON.stringify(sorted.slice(0, 3))}`);
  assert.match(gateway.output(), /completed optimizing/);
  assert.deepEqual(
    sorted.filter(([, times]) => times > most),
    [],
  );
});

/**
 * An exception that no guard has caught: said with its stack, and the worker ends in order while another takes its
 * place.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startVictim, type Victim, waitFor } from '../support/index.ts';

/** Throws in a timer of each process that gets the signal: the way in which a forgotten listener would. */
const planted = `process.on('SIGUSR2', () => setTimeout(() => { throw new Error('planted'); }))`;
/** Rejects, and nobody handles it. */
const rejecting = `process.on('SIGPIPE', () => { Promise.reject(new Error('rejected')); })`;
const flags = ['--import', `data:text/javascript,${encodeURIComponent(`${planted};${rejecting}`)}`];

const faults = async (victim: Victim, where: string): Promise<number> => {
  const text = await victim.metrics();
  return Number(new RegExp(`_faults_total\\{where="${where}"\\} (\\d+)`).exec(text)?.[1]);
};

describe('an exception that nobody catches', () => {
  let fleet: DemoFleet;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  });
  after(() => fleet.stop());
  const backends = (): string[] => fleet.backends.map(({ url }) => url);

  it('in a gateway of one process: its calls end well, and so does it, with EX_SOFTWARE', async (t) => {
    const victim = await startVictim(backends(), { shutdown: { graceMs: 200, drainMs: 5000 } }, flags);
    t.after(() => victim.stop());
    assert.equal(await faults(victim, 'process'), 0);
    process.kill(victim.pid, 'SIGUSR2');
    await waitFor(async () => (await fetch(`http://${victim.admin}/readyz`)).status === 503, 5000, 'a drain');
    assert.equal(await faults(victim, 'process'), 1);
    assert.equal(await victim.exited, 70);
    const line = victim
      .output()
      .split('\n')
      .find((text) => text.includes('a fault of the gateway'));
    assert.match(line ?? '', /"where":"process".*"stack":"Error: planted\\n +at /);
  });

  it('in one of two workers: another is started first, and no call fails', async (t) => {
    const victim = await startVictim(
      backends(),
      { workers: 2, shutdown: { graceMs: 500, drainMs: 5000 } },
      flags,
    );
    t.after(() => victim.stop());
    // a process is not a worker that serves: one that still starts takes nobody's place
    const serving = new Set<string>();
    const ask = async (): Promise<void> => {
      const headers = { connection: 'close' };
      const { headers: fields } = await fetch(`http://${victim.rest}/v1/models/half_plus_two`, { headers });
      const id = fields.get('x-request-id') ?? '';
      // each process has a prefix of its own
      serving.add(id.slice(0, id.lastIndexOf('-')));
    };
    await waitFor(() => ask().then(() => serving.size === 2), 30_000, 'two workers that serve');
    const before_ = victim.workers();
    const bystander = await victim.bystander();
    process.kill(before_[0] as number, 'SIGUSR2');
    await waitFor(
      () => victim.workers().length === 2 && !victim.workers().includes(before_[0] as number),
      60_000,
      'another worker in the place of the first',
    );
    const { failures, calls } = await bystander.stop();
    assert.deepEqual(failures, []);
    assert.ok(calls > 10, String(calls));
    assert.match(victim.output(), /has met an exception and will end; starting another/);
    assert.doesNotMatch(victim.output(), /ended \(70\); starting another/);
  });

  it('a rejection that nobody handles is counted and said, and ends nothing', async (t) => {
    const victim = await startVictim(backends(), {}, flags);
    t.after(() => victim.stop());
    process.kill(victim.pid, 'SIGPIPE');
    await waitFor(async () => (await faults(victim, 'promise')) === 1, 5000, 'the fault to be counted');
    const bystander = await victim.bystander();
    assert.deepEqual((await bystander.stop()).failures, []);
    victim.alive();
    assert.match(victim.output(), /Error: rejected/);
  });
});

/** One backend of three ends streams and connections as HTTP/2 allows it: no call may notice. */
import assert from 'node:assert/strict';
import { afterEach, describe, it, type TestContext } from 'node:test';
import {
  type EchoBackend,
  startEchoBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';
import { History } from './history.ts';

const deadlineMs = 5000;

describe('one backend of three', () => {
  let backends: EchoBackend[];
  let gateway: TestGateway;
  let load: History;
  afterEach(async () => {
    await load.stop();
    await gateway.stop();
    for (const backend of backends) backend.close();
  });

  async function start(perSecond: number, maxRequests?: number): Promise<EchoBackend> {
    const bad = await startEchoBackend(maxRequests === undefined ? {} : { maxRequests });
    backends = [bad, await startEchoBackend(), await startEchoBackend()];
    gateway = await startTestGateway(
      backends.map(({ url }) => url),
      { deadlines: { defaultMs: deadlineMs } },
    );
    load = new History(gateway, { perSecond, deadlineMs });
    await waitFor(() => backends.every(({ calls }) => calls.length > 5), 20_000, 'calls at all three');
    return bad;
  }
  /** Everything that the history holds, and that attempts stay within what budgets allow. */
  async function check(t: TestContext): Promise<void> {
    await load.stop();
    t.diagnostic(load.summary());
    load.checkAllAnswered();
    const attempts = backends
      .flatMap(({ calls }) => calls)
      .filter(({ path }) => path.endsWith('/Predict')).length;
    const seconds = ((load.calls.at(-1)?.endedMs ?? 0) - (load.calls[0]?.sentMs ?? 0)) / 1000;
    // a fifth of the calls are sent again at most, three a second are free; hedges a twentieth, and one a second
    assert.ok(attempts <= load.calls.length * 1.25 + 4 * (seconds + 10), `${attempts} attempts`);
  }

  it('breaks answers off in mid-message (RST_STREAM, NO_ERROR)', { timeout: 60_000 }, async (t) => {
    const bad = await start(80);
    bad.breaksOff = true;
    const before = bad.calls.length;
    const begun = load.calls.length;
    await waitFor(() => load.calls.length >= begun + 300, 30_000);
    await check(t);
    const broken = bad.calls.length - before;
    // who fails fast is chosen less from the first failure on, and five in a row eject it
    assert.ok(broken >= 1 && broken < (load.calls.length - begun) / 6, `${broken} calls were broken off`);
  });

  it('sends its clients away after every hundred requests (GOAWAY)', { timeout: 60_000 }, async (t) => {
    const bad = await start(200, 100);
    await waitFor(() => bad.connections > 5, 40_000, 'five GOAWAYs');
    await check(t);
    const others = backends.slice(1).map(({ calls }) => calls.length);
    assert.ok(
      bad.calls.length > Math.min(...others) / 2,
      `it keeps its share: ${bad.calls.length}, ${others.join()}`,
    );
  });
});

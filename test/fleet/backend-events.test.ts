/** What a fleet does when an ejection ends: by its time, by a version that comes up anew, or with the backend. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Code } from '../../src/base/status.ts';
import { silentObserver } from '../../src/call/index.ts';
import { BackendEventHandler } from '../../src/fleet/backend-events.ts';
import type { Backend } from '../../src/fleet/backend.ts';
import { Doubts } from '../../src/fleet/balance/doubts.ts';
import { OutlierDetector } from '../../src/fleet/balance/outlier-detector.ts';
import { optionsOf } from './options.ts';
import { type FakeTime, fakeTime } from '../support/fake-time.ts';

/** Of the test that runs. */
let time: FakeTime;

const ejection = {
  consecutiveErrors: 2,
  failurePercent: 0,
  minCalls: 1_000_000,
  baseMs: 500,
  maxMs: 5000,
  maxPercent: 100,
};

function start() {
  let now = 0;
  const told: string[] = [];
  const clock = (): number => now;
  const outliers = new OutlierDetector(
    () => ejection,
    clock,
    (name, model) => {
      events.onReadmitted(name, model);
    },
  );
  const replica = { model: 'm', startSlowly: () => void told.push(`slow start at ${now}`) };
  const backend = {
    name: 'b',
    drained: false,
    health: { isHealthy: true, versions: () => [] },
    replica: () => replica,
    replicas: [replica],
  } as unknown as Backend;
  const events = new BackendEventHandler({
    observer: {
      ...silentObserver,
      ejected: () => void told.push(`ejected at ${now}`),
      readmitted: () =>
        void told.push(`readmitted at ${now}${outliers.isEjected('b', 'm') ? ', though it is ejected' : ''}`),
    },
    clock,
    log: silentLog,
    commonLog: silentLog,
    options: () => optionsOf([]),
    outliers,
    doubts: new Doubts(() => ejection, clock),
    backendOf: () => backend,
    generations: { loaded: () => undefined } as never,
    warmUps: { has: () => false } as never,
    countOf: () => 3,
    onChange: () => undefined,
  });
  const failTwice = (): void => {
    for (let i = 0; i < 2; i++)
      events.onOutcome(
        backend,
        'm',
        { code: Code.UNAVAILABLE, transport: false, disposition: undefined, lostConnection: {} },
        undefined,
      );
  };
  const advance = (ms: number): void => {
    now += ms;
    time.advance(ms);
  };
  return { told, outliers, events, backend, failTwice, advance };
}

describe('an ejection', () => {
  beforeEach((t) => {
    time = fakeTime(t as TestContext);
  });

  it('ends when its time is over, with a slow start', () => {
    const { told, failTwice, advance } = start();
    failTwice();
    advance(500);
    assert.deepEqual(told, ['ejected at 0']);
    advance(1);
    assert.deepEqual(told, ['ejected at 0', 'readmitted at 501', 'slow start at 501']);
  });

  it('that was cleared does not end the next one', () => {
    const { told, failTwice, advance, events, backend } = start();
    failTwice();
    advance(100);
    events.onVersion(backend, 'm', 1n, true);
    advance(200);
    failTwice();
    advance(500);
    assert.deepEqual(told, ['ejected at 0', 'readmitted at 100', 'ejected at 300']);
    advance(1);
    assert.deepEqual(told.slice(3), ['readmitted at 801', 'slow start at 801']);
  });

  for (const [what, forget] of [
    ['its backend', (outliers: OutlierDetector) => void outliers.forgetBackend('b')],
    ['its model', (outliers: OutlierDetector) => void outliers.forgetModel('m')],
  ] as const)
    it(`ends without a word with ${what}`, () => {
      const { told, failTwice, advance, outliers } = start();
      failTwice();
      forget(outliers);
      advance(10_000);
      assert.deepEqual(told, ['ejected at 0']);
    });
});

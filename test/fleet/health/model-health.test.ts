/**
 * What one backend's health goes through: first sight, lost connections, falls, trials, and models that come and go.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HealthState, ModelHealth } from '../../../src/fleet/health/model-health.ts';
import { ProbeRateLimiter } from '../../../src/fleet/health/probe-rate-limiter.ts';
import type { VersionState, VersionStateName } from '../../../src/models/index.ts';
import { manualClock } from '../../support/index.ts';

const version = (number: number, state: VersionStateName): VersionState => ({
  version: BigInt(number),
  state,
  errorCode: 0,
  errorMessage: '',
});

function start() {
  const events: string[] = [];
  const health = new ModelHealth({
    onVersion: (model, number, available) =>
      void events.push(`${model} ${number} ${available ? 'on' : 'off'}`),
    onChange: (model) => void events.push(`change ${model}`),
    onRecovered: () => void events.push('recovered'),
  });
  return { health, events };
}

describe('the health of a backend', () => {
  it('begins with the first success', () => {
    const { health, events } = start();
    health.saw('m', [version(1, 'AVAILABLE')]);
    assert.equal(health.isHealthy, false);
    health.answered(2);
    assert.equal(health.isHealthy, true);
    assert.ok(events.includes('m 1 on'));
    assert.ok(!events.includes('recovered'));
  });

  it('falls after so many time-outs in a row, and rises after so many rounds', () => {
    const { health, events } = start();
    health.saw('m', [version(1, 'AVAILABLE')]);
    health.answered(2);
    health.timedOut(3, 'slow');
    health.timedOut(3, 'slow');
    health.answered(2);
    health.timedOut(3, 'slow');
    health.timedOut(3, 'slow');
    assert.equal(health.isHealthy, true);
    health.timedOut(3, 'slow');
    assert.deepEqual([health.state, health.reason], ['unhealthy', 'slow']);
    events.length = 0;
    health.answered(2);
    assert.deepEqual([health.state, health.isRecovering], ['recovering', true]);
    assert.deepEqual(events, ['change m', 'change ']);
    health.answered(2);
    assert.equal(health.isHealthy, true);
    assert.ok(events.includes('recovered') && events.includes('m 1 on'));
  });

  it('starts its trial anew when it goes down again', () => {
    const { health } = start();
    health.answered(2);
    for (let i = 0; i < 5; i++) {
      health.wentDown('refused');
      health.answered(2);
      assert.equal(health.state, 'recovering');
    }
  });

  it('is back after one success when only a connection was lost', () => {
    const { health, events } = start();
    health.saw('m', [version(1, 'AVAILABLE')]);
    health.answered(2);
    events.length = 0;
    health.lostConnection('reset');
    assert.deepEqual([health.isHealthy, health.state], [false, 'reconnecting']);
    assert.ok(events.includes('m 1 off'));
    health.answered(2);
    assert.equal(health.isHealthy, true);
    assert.ok(!events.includes('recovered'));
  });

  it('tells of every change of a state, and of nothing else', () => {
    const { health, events } = start();
    health.answered(1);
    events.length = 0;
    for (const state of ['START', 'LOADING', 'LOADING', 'AVAILABLE', 'AVAILABLE', 'UNLOADING'] as const)
      health.saw('m', [version(1, state)]);
    health.saw('m', undefined);
    assert.deepEqual(events, [
      'change m',
      'change m',
      'm 1 on',
      'change m',
      'm 1 off',
      'change m',
      'change m',
    ]);
  });

  it('is restless about models that load or unload', () => {
    const { health } = start();
    health.saw('m', [version(1, 'AVAILABLE'), version(2, 'LOADING')]);
    health.saw('n', [version(1, 'AVAILABLE')]);
    assert.deepEqual(
      [health.isRestless('m'), health.isRestless('n'), health.isRestless('x')],
      [true, false, false],
    );
  });
});

/** One success is not enough to come back. */
const rise = 2;
const fall = 2;

/** What brings a backend into each state. */
const reach: Readonly<Record<HealthState, (health: ModelHealth) => void>> = {
  unknown: () => undefined,
  healthy: (health) => {
    health.answered(rise);
  },
  reconnecting: (health) => {
    health.answered(rise);
    health.lostConnection('reset');
  },
  unhealthy: (health) => {
    health.wentDown('refused');
  },
  recovering: (health) => {
    health.wentDown('refused');
    health.answered(rise);
  },
};

const healthEvents = {
  'a round went well': (health: ModelHealth) => {
    health.answered(rise);
  },
  'a probe timed out': (health: ModelHealth) => {
    health.timedOut(fall, 'slow');
  },
  'probes timed out as often as fall says': (health: ModelHealth) => {
    for (let i = 0; i < fall; i++) health.timedOut(fall, 'slow');
  },
  'refused or failed': (health: ModelHealth) => {
    health.wentDown('refused');
  },
  'the last connection was lost': (health: ModelHealth) => {
    health.lostConnection('reset');
  },
  'an answer about a model': (health: ModelHealth) => {
    health.saw('m', [version(1, 'AVAILABLE')]);
  },
};

/** docs/states.md, Health: in the order of healthEvents. */
const healthTable = {
  unknown: ['healthy', 'unknown', 'unhealthy', 'unhealthy', 'unknown', 'unknown'],
  healthy: ['healthy', 'healthy', 'unhealthy', 'unhealthy', 'reconnecting', 'healthy'],
  reconnecting: ['healthy', 'reconnecting', 'unhealthy', 'unhealthy', 'reconnecting', 'reconnecting'],
  unhealthy: ['recovering', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy'],
  recovering: ['healthy', 'recovering', 'unhealthy', 'unhealthy', 'recovering', 'recovering'],
} as const satisfies Record<HealthState, readonly HealthState[]>;

describe('the states of health', () => {
  for (const [state, row] of Object.entries(healthTable) as [HealthState, readonly HealthState[]][])
    it(`${state}: go on as the table says`, () => {
      const next = Object.values(healthEvents).map((event) => {
        const { health } = start();
        reach[state](health);
        assert.equal(health.state, state);
        event(health);
        return health.state;
      });
      assert.deepEqual(next, row);
    });
});

describe('the probeLimiter', () => {
  it('never lets more looks through than its rate, whatever is asked', () => {
    const time = manualClock(1_000_000);
    const probeLimiter = new ProbeRateLimiter(50, time.clock);
    const atMs: number[] = [];
    for (let i = 0; i < 2000; i++) {
      atMs.push(time.clock() + probeLimiter.reserve(i % 3 === 0 ? 'urgent' : 'routine'));
      time.advance(i % 7);
    }
    atMs.sort((a, b) => a - b);
    for (let i = 0; i + 150 < atMs.length; i++) {
      // a burst of a second's worth, and then fifty a second
      const spanMs = (atMs[i + 150] as number) - (atMs[i] as number);
      assert.ok(spanMs >= 1900, `151 looks within ${spanMs} ms`);
    }
  });

  it('does not make what is urgent wait for what is not', () => {
    const probeLimiter = new ProbeRateLimiter(50, manualClock(1_000_000).clock);
    for (let i = 0; i < 1000; i++) probeLimiter.reserve('routine');
    assert.equal(probeLimiter.reserve('urgent'), 0);
    assert.ok(probeLimiter.reserve('routine') > 30_000);
  });
});

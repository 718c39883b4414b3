/** Alarms against a plain list of what is due, with a clock and a timer that the test moves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimerWheel } from '../../src/base/timer-wheel.ts';

/** How late an alarm may ring: its tick, and the timer's own millisecond. */
const lateMs = 5;

/** A clock, and the one timer that the alarms have. */
function world() {
  let nowMs = 1000;
  let timer: { readonly atMs: number; readonly callback: () => void } | undefined;
  let referenced = false;
  let timers = 0;
  const alarms = new TimerWheel({
    clock: () => nowMs,
    setTimer(callback, ms) {
      const mine = { atMs: nowMs + ms, callback };
      timer = mine;
      timers++;
      referenced = true;
      const self = {
        ref: () => ((referenced = true), self as unknown as NodeJS.Timeout),
        unref: () => ((referenced = false), self as unknown as NodeJS.Timeout),
        close: () => {
          if (timer === mine) timer = undefined;
          return self as unknown as NodeJS.Timeout;
        },
      };
      return self;
    },
  });
  return {
    alarms,
    now: () => nowMs,
    timers: () => timers,
    /** Whether a process with nothing else to do would stay. */
    holds: () => timer !== undefined && referenced,
    /** Time passes and the timer strikes when it is due; with `asleep`, only at the end. */
    pass: (ms: number, asleep = false) => {
      const untilMs = nowMs + ms;
      while (timer !== undefined && timer.atMs <= untilMs) {
        const { atMs, callback } = timer;
        timer = undefined;
        nowMs = asleep ? untilMs : Math.max(nowMs, atMs);
        callback();
      }
      nowMs = untilMs;
    },
  };
}

describe('alarms', () => {
  it('ring once, when they are due and never before', () => {
    const { alarms, now, pass } = world();
    const rung: number[] = [];
    for (const ms of [0, 1, 3.5, 4, 100, 4095, 4096, 5000, 60_000, 600_000])
      alarms.after(ms, () => rung.push(now() - 1000 - ms));
    for (let i = 0; i < 700; i++) pass(1000);
    assert.equal(rung.length, 10);
    for (const late of rung) assert.ok(late >= 0 && late <= lateMs, `${late} ms late`);
  });

  it('do not ring once they are off, not even when another alarm of the same moment calls them off', () => {
    const { alarms, pass } = world();
    const off = alarms.after(10, () => assert.fail('it was called off before'));
    off();
    off();
    let rung = 0;
    const both = [0, 1].map((i) =>
      alarms.after(10, () => {
        rung++;
        both[1 - i]?.();
      }),
    );
    pass(100);
    assert.equal(rung, 1);
  });

  it('ring in the order of their times after a long sleep', () => {
    const { alarms, pass } = world();
    const rung: number[] = [];
    for (const ms of [9000, 20, 5000, 4500, 40]) alarms.after(ms, () => rung.push(ms));
    pass(60_000, true);
    assert.deepEqual(rung, [20, 40, 4500, 5000, 9000]);
  });

  it('keep a process only while one is set, and a time without end never rings', () => {
    const { alarms, holds, pass } = world();
    alarms.after(Number.POSITIVE_INFINITY, () => assert.fail('never'));
    assert.equal(holds(), false);
    const off = alarms.after(50_000, () => assert.fail('it was called off'));
    assert.equal(holds(), true);
    off();
    assert.equal(holds(), false);
    let rung = false;
    alarms.after(60_000, () => (rung = true));
    assert.equal(holds(), true);
    pass(60_010);
    assert.ok(rung);
    assert.equal(holds(), false);
  });

  it('of calls that end soon need one timer for many', () => {
    const { alarms, pass, timers } = world();
    for (let i = 0; i < 10_000; i++) {
      const off = [60_000, 1000, 50].map((ms) => alarms.after(ms, () => assert.fail('it was called off')));
      pass(0.1);
      for (const each of off) each();
    }
    assert.ok(timers() < 100, `${timers()} timers for 30,000 alarms`);
  });

  it('ring as a plain list says, whatever is set and called off', () => {
    const step = fc.oneof(
      fc.record({ set: fc.double({ min: 0, max: 20_000, noNaN: true }) }),
      fc.record({ off: fc.nat(20) }),
      fc.record({ pass: fc.nat(9000), asleep: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { alarms, now, pass } = world();
        const set: { dueMs: number; off: () => void; state: 'set' | 'off' | 'rung'; atMs: number }[] = [];
        for (const each of steps) {
          if ('set' in each) {
            const alarm = {
              dueMs: now() + each.set,
              off: () => undefined,
              state: 'set',
              atMs: 0,
            } as (typeof set)[0];
            alarm.off = alarms.after(each.set, () => {
              assert.equal(alarm.state, 'set');
              alarm.state = 'rung';
              alarm.atMs = now();
            });
            set.push(alarm);
          } else if ('off' in each) {
            const alarm = set[each.off];
            alarm?.off();
            if (alarm?.state === 'set') alarm.state = 'off';
          } else pass(each.pass, each.asleep);
          for (const { state, dueMs, atMs } of set) {
            if (state === 'rung') assert.ok(atMs >= dueMs - 1e-6);
            if (state === 'set') assert.ok(now() < dueMs + lateMs, `due at ${dueMs}, it is ${now()}`);
          }
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

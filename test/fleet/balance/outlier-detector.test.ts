/** What ejects a model at a backend, what ejects the backend, and what never counts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Code } from '../../../src/base/status.ts';
import {
  type Outcome,
  OutlierDetector,
  type OutlierState,
} from '../../../src/fleet/balance/outlier-detector.ts';
import { manualClock } from '../../support/index.ts';

const options = {
  consecutiveErrors: 5,
  failurePercent: 50,
  minCalls: 20,
  baseMs: 10_000,
  maxMs: 300_000,
  maxPercent: 50,
};
const said = (code: number): Outcome => ({ code, transport: false, disposition: undefined });
const broke: Outcome = { code: Code.UNAVAILABLE, transport: true, disposition: undefined };

function start() {
  const time = manualClock(1_000_000);
  const outliers = new OutlierDetector(() => options, time.clock);
  const record = (outcome: Outcome, times = 1, backend = 'a', model = 'm', of = 3) => {
    let ejected;
    for (let i = 0; i < times; i++) ejected = outliers.record(backend, model, outcome, of) ?? ejected;
    return ejected;
  };
  return { ...time, outliers, record };
}

describe('the states of an outlier', () => {
  it('go on as the table says', () => {
    const { outliers, record, advance } = start();
    const state = (): OutlierState => outliers.state('a', 'm');
    assert.equal(state(), 'counted', 'nothing is known');
    record(said(Code.INTERNAL), 4);
    assert.equal(state(), 'counted');
    record(said(Code.INTERNAL));
    assert.equal(state(), 'ejected');
    record(said(Code.INTERNAL), 5);
    record(said(Code.OK));
    assert.equal(state(), 'ejected', 'calls that were under way');
    advance(10_001);
    assert.equal(state(), 'readmitted');
    record(said(Code.OK));
    assert.equal(state(), 'readmitted', 'not for long enough');
    record(said(Code.INTERNAL), 5);
    assert.equal(state(), 'ejected');
    assert.equal(outliers.ejected('a', 'm')?.forMs, 20_000);
    advance(20_001);
    assert.equal(state(), 'readmitted');
    advance(20_000);
    record(said(Code.OK));
    assert.equal(state(), 'counted', 'well for as long as it was out');
    record(said(Code.INTERNAL), 5);
    outliers.clear('a', 'm');
    assert.equal(state(), 'counted', 'loaded anew');
  });
});

describe('outliers', () => {
  it('ejects a model after five failures in a row, and no other model of that backend', () => {
    const { outliers, record } = start();
    assert.equal(record(said(Code.INTERNAL), 4), undefined);
    assert.deepEqual(record(said(Code.INTERNAL)), { model: 'm', forMs: 10_000 });
    assert.equal(outliers.isEjected('a', 'm'), true);
    assert.equal(outliers.isEjected('a', 'other'), false);
    assert.equal(outliers.isEjected('b', 'm'), false);
  });

  it('ejects the whole backend when its connections keep breaking', () => {
    const { outliers, record } = start();
    assert.deepEqual(record(broke, 5), { model: '', forMs: 10_000 });
    assert.equal(outliers.isEjected('a', 'other'), true);
  });

  it('counts one connection that breaks once for each model, however many calls were on it', () => {
    const { outliers, record } = start();
    for (let connection = 0; connection < 4; connection++)
      assert.equal(record({ ...broke, lostConnection: { connection } }, 64), undefined);
    assert.equal(outliers.isEjected('a', 'm'), false);
    assert.deepEqual(record({ ...broke, lostConnection: {} }, 64), { model: '', forMs: 10_000 });
  });

  it('ejects by share what fails every second call or so', () => {
    const { record } = start();
    let ejected;
    for (let i = 0; i < 9; i++) {
      ejected ??= record(said(Code.UNAVAILABLE), 2);
      ejected ??= record(said(Code.OK));
    }
    assert.deepEqual(ejected, { model: 'm', forMs: 10_000 });
  });

  it('does not eject by share what failed long ago', () => {
    const { record, advance } = start();
    for (let i = 0; i < 4; i++) record(said(i === 0 ? Code.OK : Code.UNAVAILABLE), 4);
    advance(11_000);
    for (let i = 0; i < 3; i++) assert.equal(record(said(Code.OK), 5), undefined);
    assert.equal(record(said(Code.UNAVAILABLE), 4), undefined);
  });

  it('counts no bad request, missing model, overload, deadline, cancellation or call that was not begun', () => {
    const { record } = start();
    for (const code of [
      Code.INVALID_ARGUMENT,
      Code.NOT_FOUND,
      Code.RESOURCE_EXHAUSTED,
      Code.DEADLINE_EXCEEDED,
      Code.CANCELLED,
      Code.UNIMPLEMENTED,
    ])
      assert.equal(record(said(code), 100), undefined);
    assert.equal(record({ ...broke, disposition: 'not-started' }, 100), undefined);
  });

  it('is not cleared by bad requests between failures', () => {
    const { record } = start();
    for (let i = 0; i < 4; i++) {
      record(said(Code.INTERNAL));
      record(said(Code.INVALID_ARGUMENT));
    }
    assert.ok(record(said(Code.INTERNAL)) !== undefined);
  });

  it('ejects for longer each time, up to the longest, and starts small after a good while', () => {
    const { record, advance } = start();
    for (const forMs of [10_000, 20_000, 30_000]) {
      assert.equal(record(said(Code.INTERNAL), 5)?.forMs, forMs);
      advance(forMs + 1);
    }
    advance(31_000);
    record(said(Code.OK));
    assert.equal(record(said(Code.INTERNAL), 5)?.forMs, 10_000);
  });

  it('ejects one of two and half of more, never the only one', () => {
    const { outliers } = start();
    const eject = (backend: string, of: number): boolean => {
      let ejected;
      for (let i = 0; i < 5; i++) ejected = outliers.record(backend, `of${of}`, said(Code.INTERNAL), of);
      return ejected !== undefined;
    };
    assert.equal(eject('a', 1), false);
    assert.deepEqual([eject('a', 2), eject('b', 2)], [true, false]);
    assert.deepEqual([eject('a', 4), eject('b', 4), eject('c', 4)], [true, true, false]);
  });

  it('never has more ejected than allowed, whatever happens', () => {
    const anyEvent = fc.record({
      backend: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      code: fc.constantFrom(Code.OK, Code.INTERNAL, Code.UNAVAILABLE, Code.NOT_FOUND),
      transport: fc.boolean(),
      waitMs: fc.nat(5000),
    });
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 300 }), (events) => {
        const time = manualClock();
        const outliers = new OutlierDetector(() => ({ ...options, consecutiveErrors: 2 }), time.clock);
        for (const { backend, code, transport, waitMs } of events) {
          time.advance(waitMs);
          outliers.record(
            backend,
            'm',
            { code, transport: transport && code !== 0, disposition: undefined },
            5,
          );
          const out = ['a', 'b', 'c', 'd', 'e'].filter((name) => outliers.isEjected(name, 'm'));
          // two by the model and two as whole hosts
          assert.ok(out.length <= 4);
        }
      }),
      { numRuns: 50 },
    );
  });
});

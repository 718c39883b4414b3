/** bench/peers: what it reads from /proc and h2load, the ratios, the table, and when a row fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkAnswers, durationsUs, quantile } from '../../bench/peers/answers.ts';
import { cpuUsOf, residentKibOf } from '../../bench/peers/processes.ts';
import {
  figureText,
  lastRatio,
  median,
  ratioOf,
  type RowResult,
  tableOf,
  verdictOf,
} from '../../bench/peers/results.ts';

const row = (figures: RowResult['figures'], more: Partial<RowResult> = {}): RowResult => ({
  unit: 'CPU µs a request',
  against: 'peers',
  checked: true,
  figures,
  ...more,
});

describe('/proc', () => {
  const rest = 'S 1 2 2 0 -1 4194560 100 200 300 400 123 45 6000 7000 20 0 11 0 99';

  it('gives user and system time without that of children who have ended', () => {
    assert.equal(cpuUsOf(`42 (envoy) ${rest}`), 1_680_000);
  });
  it('is not led astray by a name with blanks and parentheses', () => {
    assert.equal(cpuUsOf(`42 (a) S (b 1) 2) ${rest}`), 1_680_000);
  });
  it('gives resident pages of 4 KiB', () => {
    assert.equal(residentKibOf('1000 250 30 1 0 900 0\n'), 1000);
  });
  for (const text of ['', '42 (envoy)', 'nothing of the kind'])
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => cpuUsOf(text), /\/proc\/PID\/stat/);
      assert.throws(() => residentKibOf(text), /\/proc\/PID\/statm/);
    });
});

describe('answers of h2load', () => {
  const printed = (ok: number, failed: number, data: number): string => `
requests: 20 total, 20 started, 20 done, ${20 - failed} succeeded, ${failed} failed, 0 errored, 0 timeout
status codes: ${ok} 2xx, 0 3xx, 0 4xx, ${20 - ok} 5xx
traffic: 2.05KB (2096) total, 1.00KB (1000) headers (space savings 90.00%), 1.1KB (${data}) data
`;

  it('pass when all are 2xx and long enough', () => {
    checkAnswers(printed(20, 0, 1200), 20, 60);
  });
  it('fail when one is not 2xx', () => {
    assert.throws(() => checkAnswers(printed(19, 0, 1200), 20, 60), /19 of 20 requests/);
  });
  it('fail when one has failed', () => {
    assert.throws(() => checkAnswers(printed(20, 1, 1200), 20, 60), /1 failed/);
  });
  it('fail when they are too short: an error of gRPC is 200 too', () => {
    assert.throws(() => checkAnswers(printed(20, 0, 0), 20, 60), /fewer than 60 each/);
  });
  it('fail when h2load has printed nothing', () => {
    assert.throws(() => checkAnswers('', 20, 60), /0 of 20 requests/);
  });
  it('have a duration each in its log', () => {
    assert.deepEqual(durationsUs('1700000000000001\t200\t310\n1700000000000002\t200\t95\n'), [310, 95]);
  });
  it('have quantiles by the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    assert.deepEqual(
      [0, 0.5, 0.99, 1].map((share) => quantile(values, share)),
      [1, 50, 99, 100],
    );
    assert.throws(() => quantile([], 0.5), RangeError);
  });
});

describe('ratios', () => {
  it('are the best peer by the gateway', () => {
    assert.equal(ratioOf(row({ envoy: 40, nginx: 30, haproxy: 10, gateway: 20 })), 0.5);
  });
  it('leave another checkout out', () => {
    assert.equal(ratioOf(row({ envoy: 40, baseline: 10, gateway: 20 })), 2);
  });
  it('of a multiple of its own figure leave peers out', () => {
    assert.equal(ratioOf(row({ envoy: 1.1, gateway: 4 }, { against: 'itself' })), 0.25);
  });
  it('are none without a peer, without the gateway, or of nothing', () => {
    for (const figures of [{ gateway: 20 }, { envoy: 40 }, { envoy: 40, gateway: 0 }])
      assert.equal(ratioOf(row(figures)), undefined);
  });
  it('come from medians', () => {
    assert.deepEqual([median([3]), median([9, 1, 5]), median([4, 1, 2, 9])], [3, 5, 3]);
    assert.throws(() => median([]), RangeError);
  });
});

describe('the last ratio', () => {
  const last = row({ envoy: 40, haproxy: 10, gateway: 20 });

  it('is by the peers that both runs have', () => {
    assert.equal(lastRatio(row({ envoy: 41, haproxy: 11, gateway: 20 }), last), 0.5);
    assert.equal(lastRatio(row({ envoy: 41, gateway: 20 }), last), 2);
    assert.equal(lastRatio(row({ nginx: 30, gateway: 20 }), last), undefined);
  });
  it('is none for a new row, one of another unit, and one of times', () => {
    const now = row({ envoy: 41, gateway: 20 });
    assert.equal(lastRatio(now, undefined), undefined);
    assert.equal(lastRatio({ ...now, unit: 'MiB' }, last), undefined);
    assert.equal(lastRatio({ ...now, checked: false }, last), undefined);
  });
});

describe('a row beside its last ratio', () => {
  for (const [ratios, verdict] of [
    [[1], 'passed'],
    [[0.7], 'passed'],
    [[0.69], 'again'],
    [[0.69, 0.5], 'again'],
    [[0.69, 0.5, 0.69], 'failed'],
    [[0.1, 0.1, 0.7], 'passed'],
    [[0.1, 1.4], 'passed'],
  ] as const)
    it(`of 1 has ${verdict} with ${ratios.join(', ')}`, () => {
      assert.equal(verdictOf(ratios, 1), verdict);
    });
});

describe('the table', () => {
  it('has a line for each row, and says what was left out', () => {
    const rows = { 'grpc-small': row({ envoy: 44.52, haproxy: 9.5, gateway: 13.5 }) };
    assert.equal(
      tableOf({ rows, skipped: { cached: 'no cache' } }),
      [
        '| row | figure | Envoy | nginx | HAProxy | Tensorgate | best peer / Tensorgate |',
        '| --- | --- | ---: | ---: | ---: | ---: | ---: |',
        '| grpc-small | CPU µs a request | 44.5 | - | 9.50 | 13.5 | 0.70 |',
        '',
        '- cached: not measured, no cache',
      ].join('\n'),
    );
  });
  it('shows another checkout when there was one', () => {
    const table = tableOf({ rows: { a: row({ envoy: 40, gateway: 20, baseline: 25 }) }, skipped: {} });
    assert.match(table, /\| baseline \| baseline \/ Tensorgate \|\n/);
    assert.match(table, /\| 2\.00 \| 25\.0 \| 1\.25 \|$/);
  });
  it('gives figures the digits that mean something', () => {
    assert.deepEqual([9.528, 44.52, 1033.4, undefined].map(figureText), ['9.53', '44.5', '1,033', '-']);
  });
});

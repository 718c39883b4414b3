/** Random and mutated bytes into every reader of foreign bytes, in this process. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parserBudget, seed } from './budgets.ts';
import { huntInParsers, parsers } from './parsers/index.ts';

it(`readers refuse what is wrong, soon, and do nothing else (seed ${seed})`, async (t) => {
  const report = await huntInParsers(seed, parserBudget);
  t.diagnostic(
    `${report.inputs} inputs, ${report.refused} refused, the slowest ${report.slowestMs.toFixed()} ms`,
  );
  assert.deepEqual(report.findings, []);
  // or the generators make nothing that is read, or nothing that is refused
  assert.ok(report.refused > report.inputs / 10 && report.refused < report.inputs * 0.95);
  assert.equal(report.byName.size, parsers.length);
});

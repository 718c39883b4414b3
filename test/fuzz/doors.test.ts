/** Random and mutated requests at the doors, beside clients that behave: they notice nothing, and nothing is left. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { doorBudget, seed } from './budgets.ts';
import { http1Campaign, http2Campaign } from './doors.ts';
import { hunt } from './hunt.ts';

for (const campaign of [http1Campaign, http2Campaign]) {
  it(`${campaign.name} at the doors (seed ${seed})`, { timeout: 240_000 }, async (t) => {
    const report = await hunt(campaign, seed, doorBudget);
    t.diagnostic(`${report.inputs} inputs in ${(report.ms / 1000).toFixed(1)} s`);
    assert.deepEqual(report.findings, []);
    assert.ok(report.inputs > 100 && report.bystanders.calls > 10);
  });
}

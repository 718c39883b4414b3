/**
 * Random and mutated answers of model servers, Redis, the Kubernetes API and DNS, beside calls that they have no part
 * in.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { needTool } from '../support/index.ts';
import { peerBudget, seed } from './budgets.ts';
import { hunt } from './hunt.ts';
import { peerCampaigns } from './peers.ts';

for (const campaign of peerCampaigns) {
  it(`${campaign.name} (seed ${seed})`, { timeout: 240_000 }, async (t) => {
    if (campaign.name === 'redis-peer' && needTool(t, 'redis-server') === undefined) return;
    const report = await hunt(campaign, seed, peerBudget);
    t.diagnostic(`${report.inputs} answers in ${(report.ms / 1000).toFixed(1)} s`);
    assert.deepEqual(report.findings, []);
    assert.ok(report.inputs > 10 && report.bystanders.calls > 10);
  });
}

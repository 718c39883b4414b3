/** Runs a campaign: inputs until the budget is spent, and whatever goes wrong as a finding that can be made again. */
import { sleep, type Victim } from '../support/index.ts';
import { type Bystanders, startBystanders } from './bystanders.ts';
import type { Campaign, Scene } from './campaign.ts';
import { Chance, seedOf } from './chance.ts';
import { handlesOf } from './handles.ts';
import { faultsIn, stillHeld } from './held.ts';

export interface Budget {
  readonly inputs: number;
  readonly ms: number;
}

export interface HuntReport {
  readonly name: string;
  readonly seed: number;
  readonly inputs: number;
  readonly runs: number;
  readonly ms: number;
  readonly bystanders: { readonly calls: number; readonly worstMs: number };
  readonly rssMiB: { readonly before: number; readonly after: number };
  readonly findings: readonly string[];
}

export interface HuntOptions {
  /** Where the inputs begin; 0 is the first. */
  readonly from?: number;
  readonly log?: (line: string) => void;
}

/** Runs that may have done it when the gateway is found dead. */
const suspects = 200;
const maxFindings = 10;
const watchMs = 200;

/** Why the gateway is not well: it is dead, or its guard has caught something. */
async function troubleOf(gateway: Victim): Promise<string | undefined> {
  try {
    gateway.alive();
    const faults = faultsIn(await gateway.metrics());
    return faults.length === 0 ? undefined : `${faults.join(', ')}\n${tail(gateway)}`;
  } catch {
    return `the gateway is dead or dumb\n${tail(gateway)}`;
  }
}

const tail = (gateway: Victim): string =>
  gateway
    .output()
    .split('\n')
    .filter((line) => !line.startsWith('handles '))
    .slice(-60)
    .join('\n')
    .slice(-6000);

export async function hunt(
  campaign: Campaign,
  seed: number,
  budget: Budget,
  options: HuntOptions = {},
): Promise<HuntReport> {
  const { from = 0, log = () => undefined } = options;
  const findings: string[] = [];
  const seen = new Set<string>();
  const find = (text: string, where: string): void => {
    // the first line without its numbers: ten thousand of one kind are one finding
    const kind = (text.split('\n')[0] ?? '').replace(/\d+/g, 'N').slice(0, 120);
    if (seen.has(kind)) return;
    seen.add(kind);
    findings.push(`${campaign.name}: ${text}\n  again: npm run fuzz -- ${where}`);
    log(`FINDING ${findings.at(-1) ?? ''}`);
  };
  const scene = await campaign.start(seed);
  const { gateway } = scene;
  let bystanders: Bystanders | undefined;
  try {
    bystanders = await startBystanders(gateway);
    await sleep(500);
    const before = await handlesOf(gateway);
    const rssBefore = gateway.rss();
    const startMs = performance.now();
    let index = from;
    let inputs = 0;
    let lastLogMs = startMs;
    let trouble: string | undefined;
    const recent: number[] = [];
    const goesOn = (): boolean =>
      trouble === undefined &&
      findings.length < maxFindings &&
      inputs < budget.inputs &&
      performance.now() - startMs < budget.ms;
    const worker = async (): Promise<void> => {
      while (goesOn()) {
        const mine = index++;
        recent.push(mine);
        if (recent.length > 2 * suspects) recent.splice(0, suspects);
        try {
          const made = await scene.run(new Chance(seedOf(seed, campaign.name, mine)));
          inputs += made;
        } catch (error) {
          if ((await troubleOf(gateway)) === undefined)
            find((error as Error).message, `--seed ${seed} --replay ${campaign.name}:${mine}`);
        }
      }
    };
    const watch = async (): Promise<void> => {
      while (goesOn()) {
        await sleep(watchMs);
        trouble ??= await troubleOf(gateway);
        if (performance.now() - lastLogMs < 15_000) continue;
        lastLogMs = performance.now();
        const rate = inputs / ((lastLogMs - startMs) / 1000);
        log(`${campaign.name}: ${inputs} inputs, ${rate.toFixed()} a second, ${gateway.rss().toFixed()} MiB`);
      }
    };
    await Promise.all([watch(), ...Array.from({ length: campaign.width }, worker)]);
    const spentMs = performance.now() - startMs;
    trouble ??= await troubleOf(gateway);
    let beside = { calls: 0, worstMs: 0 };
    if (trouble !== undefined) {
      const list = recent.slice(-suspects - campaign.width);
      await bystanders.stop();
      log(`${campaign.name}: ${trouble}`);
      const culprit = await culpritOf(campaign, seed, list);
      const runs = culprit ?? list;
      find(trouble, `--seed ${seed} --replay ${campaign.name}:${runs.join(',')}`);
    } else {
      const report = await bystanders.stop();
      beside = report;
      if (report.failures.length > 0)
        find(
          `${report.failures.length} of ${report.calls} calls beside it failed: ${[...new Set(report.failures)].slice(0, 5).join('; ')}`,
          `--seed ${seed} --only ${campaign.name}`,
        );
      await scene.calm();
      const held = await stillHeld(gateway, before);
      if (held.length > 0)
        find(`held at the end: ${held.join(', ')}`, `--seed ${seed} --only ${campaign.name}`);
    }
    return {
      name: campaign.name,
      seed,
      inputs,
      runs: index - from,
      ms: spentMs,
      bystanders: beside,
      rssMiB: { before: rssBefore, after: trouble === undefined ? gateway.rss() : 0 },
      findings,
    };
  } finally {
    // those that go on would keep the process from its end
    await bystanders?.stop();
    await scene.stop();
  }
}

/** Runs some inputs again, one after the other, at a new gateway. @returns the trouble that it has then */
export async function replay(
  campaign: Campaign,
  seed: number,
  indexes: readonly number[],
  tell: (line: string) => void = () => undefined,
): Promise<string | undefined> {
  const scene: Scene = await campaign.start(seed);
  let bystanders: Bystanders | undefined;
  try {
    bystanders = await startBystanders(scene.gateway);
    for (const index of indexes) {
      await scene
        .run(new Chance(seedOf(seed, campaign.name, index)))
        .catch((error: unknown) => tell(`${index}: ${(error as Error).message}`));
    }
    await sleep(300);
    return await troubleOf(scene.gateway);
  } finally {
    await bystanders?.stop();
    await scene.stop();
  }
}

/** Halves the suspects as long as one half does it alone; undefined when they do not do it again. */
async function culpritOf(
  campaign: Campaign,
  seed: number,
  list: readonly number[],
): Promise<readonly number[] | undefined> {
  if ((await replay(campaign, seed, list)) === undefined) return undefined;
  let left = list;
  while (left.length > 1) {
    const middle = Math.floor(left.length / 2);
    const [first, second] = [left.slice(0, middle), left.slice(middle)];
    if ((await replay(campaign, seed, second)) !== undefined) left = second;
    else if ((await replay(campaign, seed, first)) !== undefined) left = first;
    else break;
  }
  return left;
}

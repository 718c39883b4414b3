/** npm run fuzz: long runs of every campaign, or of some, and single inputs again. */
import { parseArgs } from 'node:util';
import { http1Campaign, http2Campaign } from './doors.ts';
import { hunt, type HuntReport, replay } from './hunt.ts';
import type { Campaign } from './campaign.ts';
import { peerCampaigns } from './peers.ts';
import { huntInParsers, type ParserReport } from './parsers/index.ts';

const campaigns: readonly Campaign[] = [http1Campaign, http2Campaign, ...peerCampaigns];
/** The readers, without sockets. */
const inProcess = 'parsers';

const help = `npm run fuzz -- [--minutes N] [--seed S] [--only NAME,...] [--replay NAME:INDEX,...]
  --minutes N   for all campaigns together (10)
  --inputs N    of each campaign at most
  --seed S      each seed is another run, and the same one each time (the time, else)
  --only NAMES  ${[...campaigns.map(({ name }) => name), inProcess].join(', ')}
  --replay      these inputs of a seed, one after the other, at a new gateway`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    only: { type: 'string' },
    inputs: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean' },
  },
});

function campaignOf(name: string): Campaign {
  const found = campaigns.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no campaign is called "${name}"\n${help}`);
  return found;
}

const line = ({ name, seed, inputs, runs, ms, bystanders, rssMiB, findings }: HuntReport): string =>
  `${name} (seed ${seed}): ${inputs} inputs in ${runs} runs, ${(ms / 1000).toFixed()} s; ` +
  `beside it ${bystanders.calls} calls, the longest ${bystanders.worstMs.toFixed()} ms; ` +
  `${rssMiB.before.toFixed()} MiB before, ${rssMiB.after.toFixed()} after; ${findings.length} findings`;

const parserLine = ({ inputs, refused, ms, slowestMs, findings }: ParserReport): string =>
  `parsers: ${inputs} inputs, ${refused} refused, ${(ms / 1000).toFixed()} s, the slowest ${slowestMs.toFixed()} ms; ` +
  `${findings.length} findings`;

async function main(): Promise<void> {
  if (values.help === true) {
    console.log(help);
    return;
  }
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  if (values.replay !== undefined) {
    const [name = '', list = ''] = values.replay.split(':');
    const indexes = list.split(',').map(Number);
    if (name === inProcess) {
      for (const from of indexes)
        for (const finding of (await huntInParsers(seed, { inputs: 1, ms: 60_000 }, { from })).findings)
          console.log(finding);
      return;
    }
    const trouble = await replay(campaignOf(name), seed, indexes, console.log);
    console.log(trouble ?? 'the gateway is well');
    return;
  }
  const chosen = values.only?.split(',') ?? [inProcess, ...campaigns.map(({ name }) => name)];
  const budget = {
    inputs: Number(values.inputs ?? Number.POSITIVE_INFINITY),
    ms: (Number(values.minutes) * 60_000) / chosen.length,
  };
  const lines: string[] = [];
  const findings: string[] = [];
  for (const name of chosen) {
    const isParsers = name === inProcess;
    const report = isParsers
      ? await huntInParsers(seed, budget)
      : await hunt(campaignOf(name), seed, budget, { log: console.log });
    lines.push('name' in report ? line(report) : parserLine(report));
    console.log(lines.at(-1));
    findings.push(...report.findings);
  }
  console.log([...lines, ...findings].join('\n'));
  process.exitCode = findings.length > 0 ? 1 : 0;
}

await main();
process.exit();

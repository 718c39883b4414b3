/**
 * npm run bench:peers: what a request costs in the gateway and in Envoy, nginx and HAProxy, on one machine in one run.
 * See docs/performance.md for what is measured and how. Options: --only WORD,WORD, --rounds N, --short, --json FILE,
 * --baseline FOLDER (another checkout, measured in the same rounds), --check, --write.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run, tool } from '../../test/support/index.ts';
import {
  type Column,
  lastRatio,
  peers,
  ratioOf,
  type Result,
  type Results,
  type RowResult,
  tableOf,
  verdictOf,
} from './results.ts';
import { mediansOf, notYet, type Row, rows } from './rows.ts';
import { findEnvoy, Stage } from './stage.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
    json: { type: 'string' },
    baseline: { type: 'string' },
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { short, baseline, only } = flags;
const rounds = Number(flags.rounds ?? (short ? 1 : 3));
if (!Number.isSafeInteger(rounds) || rounds < 1)
  throw new Error(`--rounds is a number from 1 on, not ${flags.rounds}`);
/** Of each word: the row of that name, or all that have it in their name. */
const wanted = only
  .split(',')
  .map(
    (word) =>
      rows.filter(({ name }) => name === word).at(0) ?? rows.filter(({ name }) => name.includes(word)),
  )
  .flat();
const chosen = rows.filter((row) => wanted.includes(row) && (row.short || !short));
if (chosen.length === 0)
  throw new Error(`no row has "${only}" in its name; there are ${rows.map(({ name }) => name).join(', ')}`);

const root = fileURLToPath(new URL('../..', import.meta.url));
const lastFile = new URL('last.json', import.meta.url);
const form = short ? 'short' : 'whole';
const readLast = (): Results => {
  try {
    return JSON.parse(readFileSync(lastFile, 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
};

/** What a program says of itself, in a few words. */
async function versionOf(command: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const { stdout, stderr } = await run(command, args);
  return pattern.exec(stdout + stderr)?.[1] ?? 'of unknown version';
}

const last = readLast();
const against = last[form] ?? last.whole;
if (flags.check && !chosen.some(({ name }) => against?.rows[name] !== undefined)) {
  console.error('bench: bench/peers/last.json has no result of these rows yet: nothing to check');
  process.exit(0);
}

const tools = spawnSync('bash', ['scripts/test-tools.sh', ...peers, 'h2load'], {
  cwd: root,
  stdio: 'inherit',
});
if (tools.status !== 0) throw new Error('the peers could not be installed');
const found: Readonly<Record<(typeof peers)[number], string | undefined>> = {
  envoy: findEnvoy(),
  nginx: tool('nginx'),
  haproxy: tool('haproxy'),
};
const h2load = tool('h2load');
const say = (text: string): void => console.error(`bench: ${text}`);
const versions = [
  found.envoy && `Envoy ${await versionOf(found.envoy, ['--version'], /\/(\d+\.\d+\.\d+)\//)}`,
  found.nginx && `nginx ${await versionOf(found.nginx, ['-v'], /nginx\/(\S+)/)}`,
  found.haproxy && `HAProxy ${await versionOf(found.haproxy, ['-v'], /version (\d+\.\d+\.\d+)/)}`,
].filter((text) => text !== undefined);
say(`found ${[...versions, h2load && 'h2load'].filter((text) => text !== undefined).join(', ')}`);
for (const peer of peers)
  if (found[peer] === undefined) say(`SKIP: every figure of ${peer}, which is not installed`);

const columns: readonly Column[] = [
  ...peers.filter((peer) => found[peer] !== undefined),
  'gateway',
  ...(baseline === undefined ? [] : (['baseline'] as const)),
];
const stage = await Stage.create(columns, baseline);
const skipped: Record<string, string> = { ...notYet };

async function measure(row: Row): Promise<RowResult> {
  const able = columns.filter(
    (column) => !(peers as readonly Column[]).includes(column) || row.peers.includes(column),
  );
  const { unit, against, checked } = row;
  return { unit, against, checked, figures: mediansOf(await row.measure(stage, able, { rounds, short })) };
}

const text = (ratio: number | undefined): string => ratio?.toFixed(2) ?? 'none';

/** Measures a row, again while it is too far below the last result. @returns whether it passed */
async function judged(row: Row, last: Result | undefined): Promise<[RowResult, boolean]> {
  const ratios: number[] = [];
  for (;;) {
    const result = await measure(row);
    const ratio = ratioOf(result);
    const before = flags.check ? lastRatio(result, last?.rows[row.name]) : undefined;
    const figures = Object.entries(result.figures).map(
      ([column, figure]) => `${column} ${figure.toFixed(2)}`,
    );
    const beside = flags.check ? `, last ${text(before)}` : '';
    say(`${row.name}: ${figures.join(', ')} (${row.unit}); ratio ${text(ratio)}${beside}`);
    if (before === undefined) return [result, true];
    if (ratio === undefined) return [result, false];
    ratios.push(ratio);
    const verdict = verdictOf(ratios, before);
    if (verdict !== 'again') return [result, verdict === 'passed'];
    say(`${row.name}: more than 30 % below the last ratio; measured again`);
  }
}

const results: Record<string, RowResult> = {};
const bad: string[] = [];
const startedMs = performance.now();
/** Of the short form, in ms: no row begins after it, so that a busy machine does not hold CI up. */
const budgetMs = 220_000;
try {
  let settings = '';
  for (const row of chosen) {
    if (row.needsH2load && h2load === undefined) {
      skipped[row.name] = 'h2load is not installed';
      say(`SKIP: ${row.name}: h2load is not installed`);
      continue;
    }
    if (short && performance.now() - startedMs > budgetMs) {
      skipped[row.name] = 'the time of the short form was over';
      say(`SKIP: ${row.name}: the time of the short form is over`);
      continue;
    }
    // rows of one kind share their processes; what the next kind does not need ends
    const kind = row.name.split('-')[0] ?? '';
    if (kind !== settings) await stage.endTargets();
    settings = kind;
    try {
      const [result, passed] = await judged(row, against);
      results[row.name] = result;
      if (!passed) bad.push(`${row.name} is more than 30 % below its last ratio in every try`);
    } catch (error) {
      skipped[row.name] = 'it failed';
      bad.push(`${row.name}: ${error instanceof Error ? error.message : String(error)}`);
      say(`FAILED: ${bad.at(-1)}`);
    }
  }
} finally {
  await stage.close();
}

const commit = (await run('git', ['describe', '--always', '--dirty'], { cwd: root })).stdout.trim();
const result: Result = {
  date: new Date().toISOString().slice(0, 10),
  commit,
  machine: [`${availableParallelism()} cores`, ...versions].join(', '),
  rounds,
  rows: results,
  skipped,
};
console.log(tableOf(result));
say(`took ${Math.round((performance.now() - startedMs) / 1000)} s`);
const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
if (flags.json !== undefined) writeFileSync(flags.json, json(result));
if (flags.write && bad.length === 0) {
  // of a run of some rows, the others stay as they were
  const merged = only === '' ? result : { ...result, rows: { ...last[form]?.rows, ...results } };
  writeFileSync(lastFile, json({ ...last, [form]: merged }));
}
for (const reason of bad) say(`FAILED: ${reason}`);
process.exit(bad.length === 0 ? 0 : 1);

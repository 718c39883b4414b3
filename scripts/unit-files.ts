/**
 * Which test files `npm run test:unit` runs: those of the rooms that are quick everywhere, on nothing but Node and
 * node_modules. The rule is read off the files themselves, so that a new file needs no list: see `reasonAgainst`.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

/** Folders of test/ of a room, of the benches, or in a theme's folder; files right in test/ belong to them. */
export const rooms: readonly string[] = [
  'base',
  'bench',
  'memory',
  'call',
  'codec',
  'config',
  'filters',
  'fleet',
  'front',
  'models',
  'gateway/from-config',
  'gateway/lifecycle',
  'gateway/workers',
  'support',
  'telemetry',
  'wire',
];

/**
 * Folders whose tests are of no one room: they need a whole gateway, the program, real peers, or the files of the
 * repository.
 */
export const themes: readonly string[] = [
  'bridge',
  'browser',
  'cli',
  'clients',
  'demo',
  'deploy',
  'docs',
  'fuzz',
  'gateway',
  'hostile',
  'journeys',
  'protos',
  'soak',
  'web-client',
];

/** What test/support starts that is more than a stub in the test's own process. */
export const starters: ReadonlyMap<string, string> = new Map([
  ['startTestGateway', 'a whole gateway'],
  ...[
    'makeCertificates',
    'missing',
    'needTool',
    'python',
    'redisCli',
    'run',
    'startGatewayProcess',
    'startProcess',
    'startRedis',
    'startRedisCluster',
    'startSentinels',
    'startToxiproxy',
    'startVictim',
    'tool',
  ].map((name) => [name, 'a program'] as const),
]);

/** Units by the rule, and too long for this: seconds of work each on a machine of two cores. */
export const tooLong: ReadonlyMap<string, string> = new Map([
  ['fleet/discovery/dns-silent.test.ts', 'waits for the time-outs of c-ares'],
  ['codec/json/kernel-writer.test.ts', 'writes random lists of each type and length'],
  ['codec/number/format-float.test.ts', 'writes a million floats'],
]);

const imports = /^(?:import|export)\s([^;]*?)\sfrom '([^']+)';/gms;

/** Why the test is not one of the quick ones; undefined when it is. */
export function reasonAgainst(path: string, text: string): string | undefined {
  if (/\bfuzz\b/.test(path)) return 'is a fuzzer';
  for (const [, names = '', from = ''] of text.matchAll(imports)) {
    if (from === 'node:child_process') return 'starts a program';
    for (const [name] of names.matchAll(/\w+/g)) {
      const what = starters.get(name);
      if (what !== undefined) return `starts ${what} (${name})`;
    }
  }
  return undefined;
}

export interface UnitFiles {
  /** Paths below the root. */
  readonly run: readonly string[];
  readonly left: ReadonlyMap<string, string>;
}

/** The file with the helpers beside it that it imports: what these start, it starts. */
function textsOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  const beside = [...text.matchAll(imports)]
    .map(([, , from = '']) => from)
    .filter((from) => from.startsWith('./') || (from.startsWith('../') && !from.includes('src/')))
    .map((from) => join(dirname(path), from))
    .filter((each) => !/test\/support\/[^/]+$/.test(each));
  return [text, ...beside.map((each) => readFileSync(each, 'utf8'))].join('\n');
}

export function unitFiles(root: string): UnitFiles {
  const test = join(root, 'test');
  const paths = [
    ...globSync('*.test.ts', { cwd: test }),
    ...globSync(`{${rooms.join()}}/**/*.test.ts`, { cwd: test }),
  ];
  const run: string[] = [];
  const left = new Map<string, string>();
  for (const path of paths.sort()) {
    const reason = tooLong.get(path) ?? reasonAgainst(path, textsOf(join(test, path)));
    const shown = relative(root, join(test, path));
    if (reason === undefined) run.push(shown);
    else left.set(shown, reason);
  }
  return { run, left };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { left: { type: 'boolean' } } });
  const { run, left } = unitFiles('.');
  const lines = values.left === true ? [...left].map(([path, reason]) => `${path}: ${reason}`) : run;
  process.stdout.write(`${lines.join('\n')}\n`);
}

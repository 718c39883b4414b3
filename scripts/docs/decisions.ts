/** docs/decisions/README.md: every decision by its subject, from the files themselves. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../docs/decisions/', import.meta.url);

/** By the number of the first decision of each. */
const subjects: readonly (readonly [from: number, title: string])[] = [
  [1, 'The wire'],
  [10, 'JSON, and the memory that reads are made into'],
  [20, 'What a call costs; HTTP/1.1'],
  [30, 'Bridges between APIs'],
  [40, 'Fleets: discovery, versions, sequences'],
  [50, 'Pages and their clients'],
  [60, 'Traffic: hedges, limits, workers'],
  [70, 'HTTP that passes, lists of models, memory, one reading'],
  [80, 'Faults, clients that are gone, reloads'],
  [88, 'Addresses, Redis, doors of operators'],
  [92, 'Servers and clients of V2 and TensorFlow Serving'],
  [100, 'The house'],
];

interface Decision {
  readonly number: number;
  readonly title: string;
  readonly file: string;
}

/** @throws Error for a file that does not begin with "# NUMBER. TITLE" */
function decisionIn(file: string): Decision {
  const [first = ''] = readFileSync(new URL(file, folder), 'utf8').split('\n');
  const [, number, title] = /^# (\d+)[.:] (.+)$/.exec(first) ?? [];
  if (number === undefined || title === undefined || Number(number) !== Number(file.slice(0, 4)))
    throw new Error(`${file} does not begin with its number and title, but with "${first}"`);
  return { number: Number(number), title, file };
}

const decisions = readdirSync(folder)
  .filter((file) => /^\d{4}-.*\.md$/.test(file))
  .sort()
  .map(decisionIn);

const groups = subjects.map(([from, title], i) => {
  const next = subjects[i + 1]?.[0] ?? Number.POSITIVE_INFINITY;
  const own = decisions.filter(({ number }) => number >= from && number < next);
  return `## ${title}\n\n${own.map(({ number, title: text, file }) => `- [${number}](${file}) ${text}`).join('\n')}`;
});

export const decisionsPage = `# Decisions

Made from the files beside it by \`scripts/docs/decisions.ts\`; do not edit. Why things are as they are, where that is not obvious. Numbers that are missing were never given.

${groups.join('\n\n')}
`;

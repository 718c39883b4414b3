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
  readonly status: string;
  readonly file: string;
}

/** @throws Error for a file that does not begin with "# NUMBER. TITLE" and its status */
function decisionIn(file: string): Decision {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const [, number, title, status] = /^# (\d+)\. (.+)\n\n## Status\n\n(.+)\n/.exec(text) ?? [];
  if (
    number === undefined ||
    title === undefined ||
    status === undefined ||
    Number(number) !== Number(file.slice(0, 4))
  )
    throw new Error(
      `${file} does not begin with its number, title and status, but with "${text.split('\n', 1)[0]}"`,
    );
  return { number: Number(number), title, status, file };
}

const decisions = readdirSync(folder)
  .filter((file) => /^\d{4}-.*\.md$/.test(file))
  .sort()
  .map(decisionIn);

/** Where a status names another decision, its number is a link. */
function lineOf({ number, title, status, file }: Decision): string {
  const linked = status.replace(/\d{4}$/, (other) => {
    const its = decisions.find((decision) => decision.file.startsWith(other));
    if (its === undefined) throw new Error(`${file} names decision ${other}, which there is not`);
    return `[${its.number}](${its.file})`;
  });
  return `- [${number}](${file}) ${title}: ${linked}`;
}

const groups = subjects.map(([from, title], i) => {
  const next = subjects[i + 1]?.[0] ?? Number.POSITIVE_INFINITY;
  const own = decisions.filter(({ number }) => number >= from && number < next);
  return `## ${title}\n\n${own.map(lineOf).join('\n')}`;
});

export const decisionsPage = `# Decisions

Made from the files beside it by \`scripts/docs/decisions.ts\`; do not edit. Why things are as they are, where that is not obvious. Numbers that are missing were never given.

Each has four parts: Status (accepted, superseded by another, corrected by another in a part of it, or withdrawn), Context, Decision and Consequences.

${groups.join('\n\n')}
`;

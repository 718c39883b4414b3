/** README.md: what a request costs beside the peers, from bench/peers/last.json. */
import { readFileSync } from 'node:fs';
import { type Results, tableOf } from '../../bench/peers/results.ts';

const begin = '<!-- made by scripts/docs/peers.ts from bench/peers/last.json: begin -->';
const end = '<!-- made by scripts/docs/peers.ts: end -->';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { whole } = JSON.parse(read('bench/peers/last.json')) as Results;
const text = read('README.md');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error('README.md has lost the marks of what is made in it');

/** As it is while no whole run has been committed. */
export const readmePage =
  whole === undefined
    ? text
    : `${text.slice(0, from)}${begin}

${tableOf(whole)}

Measured ${whole.date} at \`${whole.commit}\` on ${whole.machine}; medians of ${whole.rounds} rounds.

${text.slice(to)}`;

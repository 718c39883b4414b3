/**
 * Runs the readers of foreign bytes in this process: what they throw must be documented, and no input may take long.
 */
import { Chance, seedOf } from '../chance.ts';
import { jsonParsers } from './json.ts';
import { messageParsers } from './messages.ts';
import { isRefusal, type Parser } from './parser.ts';
import { protobufParsers } from './protobuf.ts';
import { wireParsers } from './wire.ts';

export const parsers: readonly Parser[] = [
  ...wireParsers,
  ...messageParsers,
  ...protobufParsers,
  ...jsonParsers,
];

export interface ParserReport {
  readonly inputs: number;
  readonly refused: number;
  readonly ms: number;
  readonly slowestMs: number;
  readonly byName: ReadonlyMap<string, number>;
  readonly findings: readonly string[];
}

/** For one input of a few kilobytes, on a machine that has other work, a collection of garbage included. */
const mostMs = 2000;
const maxFindings = 20;
const turnEvery = 2000;
/** Most inputs are refused: whole stacks of that would take half the time. */
const stackLines = 6;

export interface ParserOptions {
  readonly from?: number;
  readonly only?: readonly string[];
}

/** @param inputs as many, as long as there is time */
export async function huntInParsers(
  seed: number,
  budget: { readonly inputs: number; readonly ms: number },
  { from = 0, only }: ParserOptions = {},
): Promise<ParserReport> {
  const chosen = only === undefined ? parsers : parsers.filter(({ name }) => only.includes(name));
  const choices = chosen.map((parser) => [parser.weight, parser] as const);
  const startMs = performance.now();
  const findings = new Map<string, string>();
  const byName = new Map<string, number>();
  let inputs = 0;
  let refused = 0;
  let slowestMs = 0;
  const stackBefore = Error.stackTraceLimit;
  Error.stackTraceLimit = stackLines;
  while (inputs < budget.inputs && findings.size < maxFindings) {
    const index = from + inputs++;
    const chance = new Chance(seedOf(seed, 'parsers', index));
    const parser = chance.weighted(choices);
    byName.set(parser.name, (byName.get(parser.name) ?? 0) + 1);
    const find = (what: string): void => {
      const again = `npm run fuzz -- --seed ${seed} --replay parsers:${index}`;
      const kind = `${parser.name}: ${what.replace(/\d+/g, 'N').slice(0, 100)}`;
      if (!findings.has(kind)) findings.set(kind, `${parser.name}: ${what}\n  again: ${again}`);
    };
    const before = performance.now();
    try {
      const running = parser.run(chance);
      if (running !== undefined) await running;
    } catch (error) {
      if (isRefusal(error)) refused++;
      else find((error as Error).stack ?? String(error));
    }
    const ms = performance.now() - before;
    if (ms > slowestMs) slowestMs = ms;
    if (ms > mostMs) find(`one input took ${ms.toFixed()} ms`);
    if (inputs % turnEvery === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() - startMs > budget.ms) break;
    }
  }
  Error.stackTraceLimit = stackBefore;
  const ms = performance.now() - startMs;
  return { inputs, refused, ms, slowestMs, byName, findings: [...findings.values()] };
}

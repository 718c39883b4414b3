/** Checks values against the schema, fills in the defaults, and says in words what does not fit. */
import { Ajv, type ErrorObject } from 'ajv';
import type { Problem } from './problem.ts';
import { configSchema } from './schema/index.ts';

/** verbose: an error brings its schema, which knows the keys that would have been right. */
const validate = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true }).compile(
  configSchema,
);

/** "/fleets/default/backends/1" as "fleets.default.backends[1]". */
function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (path, part) => (/^[0-9]+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`),
      '',
    );
}

/** Letters to change to make one word of another. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

interface Part {
  readonly const?: unknown;
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** "an integer from 1 to 256": one of the things that a value may be. */
function wordsOf({ const: literal, type = 'value', minimum, maximum }: Part): string {
  if (literal !== undefined) return JSON.stringify(literal);
  const from = minimum === undefined ? '' : ` from ${minimum}`;
  return `${type}${from}${maximum === undefined ? '' : ` to ${maximum}`}`;
}

function messageOf({ keyword, message = 'is wrong', params, schema }: ErrorObject): string {
  if (keyword === 'anyOf') return `must be ${(schema as readonly Part[]).map(wordsOf).join(' or ')}`;
  const allowed = (params as { allowedValues?: unknown[] }).allowedValues;
  return `${message}${allowed === undefined ? '' : `: ${allowed.join(', ')}`}`;
}

function problemOf(error: ErrorObject): Problem {
  const path = pathOf(error.instancePath);
  if (error.keyword !== 'additionalProperties') return { path, message: messageOf(error) };
  const key = (error.params as { additionalProperty: string }).additionalProperty;
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
  const near = known.find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2);
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
  return { path: path === '' ? key : `${path}.${key}`, message: `unknown key (${hint})` };
}

/** What does not fit, every mistake at once; a value that fits has its defaults filled in afterwards. */
export function schemaProblems(value: unknown): Problem[] {
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  // a value that fits none of several choices is one mistake, not one for each choice
  const choices = errors
    .filter(({ keyword }) => keyword === 'anyOf')
    .map(({ schemaPath }) => `${schemaPath}/`);
  return errors
    .filter(({ schemaPath }) => !choices.some((choice) => schemaPath.startsWith(choice)))
    .map(problemOf);
}

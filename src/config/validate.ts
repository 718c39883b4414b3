/** Checks values against the schema, fills in the defaults, and says in words what does not fit. */
import { Ajv, type ErrorObject } from 'ajv';
import type { Problem } from './problem.ts';
import { configSchema, pathPattern } from './schema/index.ts';

/** verbose: an error brings its schema, which knows the keys that would have been right. */
const validate = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true }).compile(
  configSchema,
);

/** "/fleets/default/backends/1" as "fleets.default.backends[1]"; a model may be named 1, too. */
function pathOf(pointer: string, root: unknown): string {
  let path = '';
  let value = root;
  for (const step of pointer.split('/').slice(1)) {
    const part = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path = Array.isArray(value) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`;
    value = (value as Record<string, unknown> | undefined)?.[part];
  }
  return path;
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

/** What patterns ask for, in words. */
const patternWords: Readonly<Record<string, string>> = {
  '^[a-z0-9-]+$': 'must be a header in lower case: letters, digits and hyphens',
  '^(model|peer|header:[a-z0-9-]+)$': 'must be model, peer or header:NAME, in lower case',
  '^[A-Za-z0-9._-]+$': 'must be a host name: letters, digits, dots, hyphens',
  '^https?://': 'must begin with http:// or https://',
  '^[a-z0-9_.-]+\\*?$': 'must be a header in lower case, with * at its end for all that begin so',
  '^[a-zA-Z_][a-zA-Z0-9_]*$': 'must be letters, digits and underscores, with no digit at its begin',
  [pathPattern]: 'must be an absolute path in plain letters, like /v3',
};

function messageOf({ keyword, message = 'is wrong', params, schema }: ErrorObject): string {
  if (keyword === 'anyOf') return `must be ${(schema as readonly Part[]).map(wordsOf).join(' or ')}`;
  if (keyword === 'required') return `${(params as { missingProperty: string }).missingProperty} is missing`;
  if (keyword === 'pattern') return patternWords[(params as { pattern: string }).pattern] ?? message;
  const allowed = (params as { allowedValues?: unknown[] }).allowedValues;
  return `${message}${allowed === undefined ? '' : `: ${allowed.join(', ')}`}`;
}

export interface SchemaMistake {
  readonly problem: Problem;
  /** A value does not fit, a key is not there, or is not known. */
  readonly kind: 'value' | 'missing' | 'unknown';
  /** The key that is not there, or not known. */
  readonly key: string;
}

/** Letters that may be wrong in what somebody meant to be a key. */
const maxDistance = 2;

function mistakeOf(error: ErrorObject, root: unknown): SchemaMistake {
  const path = pathOf(error.instancePath, root);
  const { missingProperty, additionalProperty: key } = error.params as {
    missingProperty?: string;
    additionalProperty?: string;
  };
  if (key === undefined)
    return {
      problem: { path, message: messageOf(error) },
      kind: missingProperty === undefined ? 'value' : 'missing',
      key: missingProperty ?? '',
    };
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
  const [near] = known
    .filter((name) => Math.abs(name.length - key.length) <= maxDistance)
    .map((name) => ({ name, changes: distance(name.toLowerCase(), key.toLowerCase()) }))
    .filter(({ changes }) => changes <= maxDistance)
    .sort((one, other) => one.changes - other.changes);
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near.name}?`;
  return {
    problem: { path: path === '' ? key : `${path}.${key}`, message: `unknown key (${hint})` },
    kind: 'unknown',
    key,
  };
}

/** The choices that fit nowhere, by what they are and where; and which of them was meant, when that can be told. */
function choicesIn(errors: readonly ErrorObject[]): ReadonlyMap<string, number> {
  const choices = new Map<string, number>();
  for (const { keyword, schemaPath, instancePath, schema, data } of errors) {
    if (keyword !== 'anyOf') continue;
    const isMap = typeof data === 'object' && data !== null && !Array.isArray(data);
    const meant = isMap ? (schema as readonly Part[]).findIndex(({ type }) => type === 'object') : -1;
    choices.set(`${schemaPath} ${instancePath}`, meant);
  }
  return choices;
}

/**
 * A value that fits none of several choices is one mistake, not one for each; what is wrong with the one that was
 * meant says more.
 */
function isTold(
  { keyword, schemaPath, instancePath }: ErrorObject,
  choices: ReadonlyMap<string, number>,
): boolean {
  if (keyword === 'anyOf' && choices.get(`${schemaPath} ${instancePath}`) !== -1) return false;
  for (const { index, 1: branch } of schemaPath.matchAll(/\/anyOf\/(\d+)(?=\/)/g)) {
    const choice = `${schemaPath.slice(0, index)}/anyOf`;
    for (let at = instancePath; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const meant = choices.get(`${choice} ${at}`);
      if (meant !== undefined && String(meant) !== branch) return false;
      if (at === '') break;
    }
  }
  return true;
}

/** What does not fit, every mistake at once. Defaults are filled in wherever there is nothing. */
export function schemaProblems(value: unknown): SchemaMistake[] {
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  const choices = choicesIn(errors);
  return errors.filter((error) => isTold(error, choices)).map((error) => mistakeOf(error, value));
}

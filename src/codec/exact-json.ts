/** JSON of model servers whose integers keep all of their digits: as values, and as text again. */
import { exactInteger, OutOfBounds, parseControlJson } from './control.ts';

/** Integers are bigints. */
export type ExactJson =
  null | boolean | string | number | bigint | readonly ExactJson[] | { readonly [name: string]: ExactJson };
export type ExactObject = { readonly [name: string]: ExactJson };

export const isObject = (value: ExactJson | undefined): value is ExactObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isList = (value: ExactJson | undefined): value is readonly ExactJson[] => Array.isArray(value);

/** @throws OutOfBounds beyond the limits of answers about models, and for what is no JSON */
export function readExactJson(text: Uint8Array): ExactJson {
  try {
    return parseControlJson(text, { reviver: exactInteger }) as ExactJson;
  } catch (reason) {
    if (reason instanceof SyntaxError) throw new OutOfBounds('it is no valid JSON');
    throw reason;
  }
}

/** The same of an object. @throws OutOfBounds */
export function readExactObject(text: Uint8Array): ExactObject {
  const value = readExactJson(text);
  if (!isObject(value)) throw new OutOfBounds('it is no JSON object');
  return value;
}

/** Without blanks; members in their order. */
export function exactJsonText(value: ExactJson): string {
  if (typeof value === 'bigint') return String(value);
  if (isList(value)) return `[${value.map(exactJsonText).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, each]) => `${JSON.stringify(name)}:${exactJsonText(each)}`,
  );
  return `{${members.join(',')}}`;
}

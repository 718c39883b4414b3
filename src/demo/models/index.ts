/** The kinds of model that a demo server can serve, by the name one asks for them. */
import type { DemoModel } from '../model.ts';
import { counter } from './counter.ts';
import { digits } from './digits.ts';
import { echo, identity, identityDtypes } from './echo.ts';
import { halfPlusTwo } from './half-plus-two.ts';
import { image } from './image.ts';
import { myModel } from './my-model.ts';
import { text } from './text.ts';

const kinds: ReadonlyMap<string, () => DemoModel> = new Map<string, () => DemoModel>([
  ['half_plus_two', halfPlusTwo],
  ['digits', digits],
  ['image', image],
  ['text', text],
  ['echo', echo],
  ...identityDtypes.map((dtype) => [`echo:${dtype}`, () => identity(dtype)] as const),
  ['counter', counter],
  ['my_model', () => myModel('numeric')],
  ['my_model:image', () => myModel('image')],
  ['my_model:numeric', () => myModel('numeric')],
  ['my_model:string', () => myModel('string')],
]);

export const modelKinds: readonly string[] = [...kinds.keys()];

/** What a server serves when nobody says otherwise: every kind but the stateful one, my_model once. */
export const defaultModels: readonly string[] = modelKinds.filter(
  (kind) => !kind.includes(':') && kind !== 'counter',
);

/** A fresh model of a kind, or undefined when there is no such kind. */
export function makeModel(kind: string): DemoModel | undefined {
  return kinds.get(kind)?.();
}

/**
 * Reads a model list: "half_plus_two,digits", "other=echo" (a kind under another name), "my_model:image" (a variant).
 * @throws Error that names what is wrong.
 */
export function parseModels(items: readonly string[]): { name: string; kind: string }[] {
  const seen = new Set<string>();
  return items.map((item) => {
    const equals = item.indexOf('=');
    const kind = item.slice(equals + 1);
    const name = equals >= 0 ? item.slice(0, equals) : (kind.split(':')[0] as string);
    if (name === '') throw new Error(`model "${item}" has no name`);
    if (!kinds.has(kind))
      throw new Error(`unknown model "${kind}": expected one of ${modelKinds.join(', ')}`);
    if (seen.has(name)) throw new Error(`model "${name}" is named twice`);
    seen.add(name);
    return { name, kind };
  });
}

/** Random predict bodies, most of them almost right: what a decoder has to tell apart. */
import type { Random } from '../../support/random.ts';
import { numberTexts } from '../number/texts.ts';

export const below = (random: Random, n: number): number => Math.floor(random() * n);
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

export const readableTypes = [
  'float',
  'double',
  'half',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
] as const;
const names = ['x', 'a', 'b64', 'in put', 'é', '__proto__', 'inputs'];

export type Signatures = Record<string, Record<string, { dtype: string }>>;

function blank(random: Random): string {
  return random() < 0.8 ? '' : pick(random, [' ', '\n', '\t', '\r\n    ', '  ']);
}

function stringText(random: Random): string {
  const pieces = [
    'a',
    'Z',
    '0',
    ' ',
    'é',
    '€',
    '😀',
    '\\n',
    '\\"',
    '\\\\',
    '\\/',
    '\\u0041',
    '\\u00e9',
    '\\u20AC',
    '\\ud83d\\ude00',
    '\\ude00',
    '{',
    ']',
    ',',
  ];
  let text = '"';
  for (let i = below(random, random() < 0.05 ? 200 : 6); i > 0; i--) text += pick(random, pieces);
  return `${text}"`;
}

function base64Text(random: Random): string {
  const bytes = Buffer.from(Array.from({ length: below(random, 9) }, () => below(random, 256)));
  let text = bytes.toString(random() < 0.2 ? 'base64url' : 'base64');
  if (random() < 0.1) text = text.replaceAll('=', pick(random, ['', '.', '=']));
  if (random() < 0.1) text = `${text.slice(0, 3)} \\n${text.slice(3)}`;
  if (random() < 0.05) text += pick(random, ['=', 'A', '!', '==']);
  return `{${blank(random)}"b64"${blank(random)}:${blank(random)}"${text}"${blank(random)}}`;
}

/** A value that a tensor of this type should take. */
function value(random: Random, dtype: string): string {
  if (dtype === 'bool') return random() < 0.5 ? 'true' : 'false';
  if (dtype === 'string') return random() < 0.3 ? base64Text(random) : stringText(random);
  return numberTexts(random, dtype);
}

/** Something that does not belong where it stands. */
function stray(random: Random): string {
  return pick(random, [
    'null',
    'true',
    '1',
    '1.5',
    '-',
    '"s"',
    '[]',
    '[1]',
    '{}',
    '{"b64":"YQ=="}',
    '{"b64":5}',
    '{"b64":"YQ==","x":1}',
    '{"x":1}',
    '[[]]',
    'NaN',
    '1e400',
    '01',
    '+1',
    '.5',
    '1.',
    '"\\x"',
    '"\\ud800"',
    'nul',
    '',
  ]);
}

function nested(random: Random, shape: readonly number[], dtype: string, mistakes: number): string {
  if (random() < mistakes) return stray(random);
  const [size, ...inner] = shape;
  if (size === undefined) return value(random, dtype);
  const count = random() < mistakes ? below(random, 4) : size;
  const items = Array.from({ length: count }, () => nested(random, inner, dtype, mistakes));
  const comma = random() < 0.5 ? ',' : ', ';
  return `[${blank(random)}${items.join(comma + blank(random))}${blank(random)}]`;
}

function shapeOf(random: Random): number[] {
  return Array.from({ length: below(random, 4) }, () =>
    random() < 0.1 ? 0 : 1 + below(random, random() < 0.1 ? 12 : 3),
  );
}

function key(random: Random, name: string): string {
  const text = JSON.stringify(name);
  return random() < 0.03
    ? `"${[...text.slice(1, -1)].map((c) => (c < '\x80' && c !== '\\' ? `\\u00${c.charCodeAt(0).toString(16)}` : c)).join('')}"`
    : text;
}

function object(random: Random, members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, text]) => `${blank(random)}${key(random, name)}${blank(random)}:${blank(random)}${text}${blank(random)}`).join(',')}}`;
}

/** Members in some other order, one missing, one twice, one too many: now and then. */
function disturbed(random: Random, members: [string, string][], mistakes: number): [string, string][] {
  const list = [...members];
  if (random() < 0.3) list.sort(() => random() - 0.5);
  if (random() < mistakes) list.splice(below(random, list.length), 1);
  if (random() < mistakes && list.length > 0) list.push(pick(random, list));
  if (random() < mistakes)
    list.splice(below(random, list.length + 1), 0, [pick(random, [...names, 'z']), stray(random)]);
  return list;
}

export interface Document {
  readonly text: string;
  readonly signatures: Signatures;
}

/** @param dtype of the first input */
export function randomDocument(random: Random, dtype: string): Document {
  const mistakes = random() < 0.5 ? 0 : random() < 0.7 ? 0.02 : 0.15;
  const inputNames =
    random() < 0.6
      ? [pick(random, names)]
      : [...new Set([pick(random, names), pick(random, names), pick(random, names)])];
  const inputs: Record<string, { dtype: string }> = Object.create(null) as Record<string, { dtype: string }>;
  inputNames.forEach((name, i) => {
    inputs[name] = { dtype: i === 0 ? dtype : pick(random, readableTypes) };
  });
  const signatures: Signatures = { serving_default: inputs };
  const other = pick(random, inputNames);
  if (random() < 0.2) signatures['other'] = { ...inputs, [other]: { dtype: pick(random, readableTypes) } };
  const only = inputNames.length === 1 && random() < 0.6;
  const shapes = inputNames.map(() => shapeOf(random));
  const tensor = (i: number, shape = shapes[i] ?? []): string =>
    nested(random, shape, inputs[inputNames[i] ?? '']?.dtype ?? '', mistakes);
  let body: [string, string];
  if (random() < 0.6) {
    const rows = Array.from({ length: random() < mistakes ? 0 : 1 + below(random, 4) }, () =>
      random() < mistakes
        ? stray(random)
        : only
          ? tensor(0)
          : object(
              random,
              disturbed(
                random,
                inputNames.map((name, i) => [name, tensor(i)]),
                mistakes,
              ),
            ),
    );
    body = ['instances', `[${blank(random)}${rows.join(`${blank(random)},`)}${blank(random)}]`];
  } else {
    body = [
      'inputs',
      only
        ? tensor(0)
        : object(
            random,
            disturbed(
              random,
              inputNames.map((name, i) => [name, tensor(i)]),
              mistakes,
            ),
          ),
    ];
  }
  const members: [string, string][] = [body];
  const signatureName =
    random() < 0.3 ? pick(random, ['""', '"serving_default"', '"other"', '"other"']) : undefined;
  if (signatureName !== undefined) members.splice(below(random, 2), 0, ['signature_name', signatureName]);
  if (random() < 0.2)
    members.splice(below(random, members.length + 1), 0, [
      pick(random, ['output_filter', 'parameters', 'x', '']),
      pick(random, ['["y"]', '{"a":[1,{"b":"\\n"}]}', '[[[]]]', 'null', '1e5']),
    ]);
  let text = `${blank(random)}${object(random, disturbed(random, members, mistakes / 2))}`;
  if (random() < mistakes / 2) text = text.slice(0, below(random, text.length));
  if (random() < mistakes / 2) {
    const at = below(random, text.length);
    text =
      text.slice(0, at) +
      pick(random, ['{', '}', '[', ']', ',', ':', '"', '0', '-', 'e', '\\']) +
      text.slice(at + 1);
  }
  if (random() < 0.1) text += pick(random, [' ', 'garbage', '}', '\0']);
  return { text, signatures };
}

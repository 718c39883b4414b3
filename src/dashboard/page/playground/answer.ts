/** What a model answered: every output as numbers, and as bars where that says something. */
import type { Answer } from '../../../../clients/web/src/client.ts';
import { RpcError } from '../../../../clients/web/src/errors.ts';
import type { Tensor } from '../../../../clients/web/src/tensor.ts';
import { barChart, maxBars } from '../charts/bar-chart.ts';
import { h } from '../dom.ts';
import { bytes, duration, number } from '../format.ts';
import { infoText } from './sample.ts';

/** Values of an output that are printed; nobody reads more. */
const maxValues = 256;
/** Rows that get a chart. */
const maxCharts = 3;

/** Characters of one text, and bytes of one that is none. */
const maxText = 400;
const maxHex = 16;

/** What a file begins with says what it is. */
const kinds: readonly (readonly [name: string, begin: string])[] = [
  ['JPEG image', '\xff\xd8\xff'],
  ['PNG image', '\x89PNG'],
  ['GIF image', 'GIF8'],
  ['WAV or WebP', 'RIFF'],
  ['gzip', '\x1f\x8b'],
];

/** A text in quotation marks; of other bytes how many they are, and how they begin. */
function textOf(value: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(value);
    if (!/[\0-\x08\x0e-\x1f\x7f]/.test(text))
      return JSON.stringify(text.length > maxText ? `${text.slice(0, maxText)} …` : text);
  } catch {
    // no text
  }
  const begin = String.fromCharCode(...value.subarray(0, 8));
  const kind = kinds.find(([, bytesOf]) => begin.startsWith(bytesOf))?.[0] ?? 'no text';
  const hex = Array.from(value.subarray(0, maxHex), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `${kind}, ${bytes(value.length)}: ${hex}${value.length > maxHex ? ' …' : ''}`;
}

const isFloat = (dtype: string): boolean => dtype.includes('float');

function valuesOf(tensor: Tensor): string[] {
  if (tensor.dtype === 'string') return tensor.data.slice(0, maxValues).map(textOf);
  if (tensor.dtype === 'bool')
    return [...tensor.data.slice(0, maxValues)].map((value) => (value === 0 ? 'false' : 'true'));
  return Array.from(tensor.data.slice(0, maxValues) as ArrayLike<number | bigint>, (value) =>
    isFloat(tensor.dtype) ? number(value as number) : String(value),
  );
}

function output(name: string, tensor: Tensor): HTMLElement {
  const { dtype, shape, data } = tensor;
  const heading = h('h3', {}, name, ' ', h('code', {}, infoText(tensor)));
  if (data.length === 1) return h('section', {}, heading, h('p', { class: 'value' }, valuesOf(tensor)[0]));
  const columns = shape.at(-1) ?? 0;
  const charts =
    isFloat(dtype) && columns > 1 && columns <= maxBars
      ? Array.from({ length: Math.min(maxCharts, data.length / columns) }, (_, row) =>
          barChart(
            `${name}, row ${row}`,
            Array.from(data.slice(row * columns, (row + 1) * columns) as Float32Array),
          ),
        )
      : [];
  const more = data.length > maxValues ? ` … and ${number(data.length - maxValues)} more` : '';
  return h(
    'section',
    {},
    heading,
    ...charts,
    h(
      'details',
      { open: charts.length === 0 },
      h('summary', {}, 'Values'),
      h('pre', { tabindex: 0 }, valuesOf(tensor).join('  ') + more),
    ),
  );
}

/** Scalars first: a class is what one looks for. */
export function answerView({ outputs, version, servedBy, durationMs }: Answer): HTMLElement[] {
  const entries = Object.entries(outputs).sort(([, a], [, b]) => a.data.length - b.data.length);
  return [
    h(
      'p',
      { class: 'from' },
      h('span', {}, 'answered in ', h('b', {}, duration(durationMs))),
      h('span', {}, 'by ', h('b', {}, servedBy === '' ? 'a server that CORS hides' : servedBy)),
      h('span', {}, 'version ', h('b', {}, String(version))),
    ),
    ...entries.map(([name, tensor]) => output(name, tensor)),
  ];
}

/** Renders an error with its gRPC status code, or NOT SENT for what is no RpcError. */
export function errorView(error: unknown): HTMLElement[] {
  const [code, message] =
    error instanceof RpcError ? [error.code, error.message] : ['NOT SENT', (error as Error).message];
  return [h('p', { class: 'problem' }, h('b', {}, code), `: ${message}`)];
}

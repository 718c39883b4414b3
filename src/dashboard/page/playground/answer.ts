/** What a model answered: every output as numbers, and as bars where that says something. */
import { type Answer, RpcError, type Tensor, texts } from '../../../../clients/web/src/index.ts';
import { barChart, maxBars } from '../charts/bar-chart.ts';
import { h } from '../dom.ts';
import { duration, number } from '../format.ts';
import { infoText } from './sample.ts';

/** Values of an output that are printed; nobody reads more. */
const maxValues = 256;
/** Rows that get a chart. */
const maxCharts = 3;

const isFloat = (dtype: string): boolean => dtype.includes('float');

function valuesOf(tensor: Tensor): string[] {
  if (tensor.dtype === 'string')
    return texts({ ...tensor, data: tensor.data.slice(0, maxValues) }).map((text) => JSON.stringify(text));
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

export function errorView(error: unknown): HTMLElement[] {
  const [code, message] =
    error instanceof RpcError ? [error.code, error.message] : ['NOT SENT', (error as Error).message];
  return [h('p', { class: 'problem' }, h('b', {}, code), `: ${message}`)];
}

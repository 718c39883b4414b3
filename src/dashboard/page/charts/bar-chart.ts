/** A row of numbers as horizontal bars, each with its index and its value; the largest stands out. */
import { h, svg } from '../dom.ts';
import { number } from '../format.ts';

/** More bars than this say less than a table. */
export const maxBars = 64;

/** Renders the values as horizontal bars from 0; the largest one is marked. */
export function barChart(title: string, values: readonly number[]): HTMLElement {
  const high = Math.max(0, ...values);
  const low = Math.min(0, ...values);
  const range = high - low || 1;
  const best = values.indexOf(Math.max(...values));
  const zero = (-low / range) * 100;
  const rows = values.map((value, i) => {
    const length = (Math.abs(value) / range) * 100;
    const bar = svg('rect', { x: value < 0 ? zero - length : zero, width: length, y: 0, height: 10 });
    return h(
      'div',
      { class: i === best ? 'bar best' : 'bar' },
      h('span', {}, String(i)),
      svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, bar),
      h('span', {}, number(value)),
    );
  });
  return h(
    'div',
    {
      class: 'bars',
      role: 'img',
      'aria-label': `${title}: ${values.length} values, the largest ${number(values[best] ?? 0)} at ${best}`,
    },
    ...rows,
  );
}

/** A chart of the last minutes: lines over seconds, in SVG, with the figures of the second under the pointer. */
import { h, patch, svg } from '../dom.ts';

export interface Line {
  readonly name: string;
  /** A class that gives the colour: "blue", "red", ... */
  readonly color: string;
  /** One value a second, the newest last; null leaves a gap. */
  readonly values: readonly (number | null)[];
}

export interface LineChart {
  readonly element: HTMLElement;
  update(lines: readonly Line[]): void;
}

const height = 150;
const margin = { top: 8, right: 8, bottom: 20, left: 56 };
/** Until the element is on the screen. */
const fallbackWidth = 600;

/** A round number at or above the value: 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value * 0.999) ?? 10) * power;
}

/** @param seconds how many the chart is wide, values or not */
export function lineChart(title: string, seconds: number, format: (value: number) => string): LineChart {
  const legend = h('div', { class: 'legend' });
  const picture = svg('svg', { role: 'img', height });
  const element = h('figure', { class: 'chart' }, h('figcaption', {}, title), legend, picture);
  let shown: readonly Line[] = [];
  /** How many seconds before now the pointer is. */
  let pointed: number | undefined;

  function draw(): void {
    const width = picture.clientWidth || fallbackWidth;
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const max = roundUp(Math.max(0, ...shown.flatMap(({ values }) => values.map((value) => value ?? 0))));
    const x = (ago: number): number => margin.left + inner.width * (1 - ago / (seconds - 1));
    const y = (value: number): number => margin.top + inner.height * (1 - value / max);
    const ticks = [0, max / 2, max].map((value) =>
      svg(
        'g',
        {},
        svg('line', { x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value), class: 'grid' }),
        svg('text', { x: margin.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, format(value)),
      ),
    );
    const times = [seconds - 1, Math.round(seconds / 2), 0].map((ago, i) =>
      svg(
        'text',
        { x: x(ago), y: height - 5, 'text-anchor': ['start', 'middle', 'end'][i] },
        ago === 0 ? 'now' : `${Math.round((ago / 60) * 10) / 10} min ago`,
      ),
    );
    const paths = shown.map(({ values, color }) =>
      svg('path', { d: pathOf(values, x, y), class: `line ${color}`, fill: 'none' }),
    );
    const cursor =
      pointed === undefined
        ? []
        : [
            svg('line', {
              x1: x(pointed),
              x2: x(pointed),
              y1: margin.top,
              y2: margin.top + inner.height,
              class: 'cursor',
            }),
          ];
    patch(picture, ...ticks, ...times, ...paths, ...cursor);
    picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const now = shown.map(({ name, values }) => `${name} ${text(values.at(-1))}`).join(', ');
    picture.setAttribute('aria-label', `${title}, the last ${Math.round(seconds / 60)} minutes; now: ${now}`);
    patch(
      legend,
      ...shown.map(({ name, color, values }) =>
        h(
          'span',
          {},
          h('i', { class: color, 'aria-hidden': 'true' }),
          `${name} `,
          h('b', {}, text(values.at(-1 - (pointed ?? 0)))),
        ),
      ),
      h('span', { class: 'when' }, pointed === undefined ? '' : `${pointed} s ago`),
    );
  }
  const text = (value: number | null | undefined): string =>
    value === null || value === undefined ? '–' : format(value);

  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left - margin.left) / (box.width - margin.left - margin.right);
    pointed = Math.round((1 - Math.min(1, Math.max(0, share))) * (seconds - 1));
    draw();
  });
  picture.addEventListener('pointerleave', () => {
    pointed = undefined;
    draw();
  });
  return {
    element,
    update(lines) {
      shown = lines;
      draw();
    },
  };
}

/** Straight lines from value to value; a lonely value between gaps gets a dot's width. */
function pathOf(
  values: readonly (number | null)[],
  x: (ago: number) => number,
  y: (value: number) => number,
): string {
  let path = '';
  let open = false;
  values.forEach((value, i) => {
    if (value === null) {
      open = false;
      return;
    }
    const at = `${x(values.length - 1 - i).toFixed(1)} ${y(value).toFixed(1)}`;
    path += open ? `L${at}` : `M${at}h.1`;
    open = true;
  });
  return path;
}

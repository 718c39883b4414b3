/** The figures that one looks at first, over the last ten seconds. */
import { h } from '../dom.ts';
import { duration, number, percent } from '../format.ts';
import type { Point, State } from '../live.ts';

const windowSeconds = 10;

function tile(name: string, value: string, note = '', bad = false): HTMLElement {
  return h(
    'div',
    { class: bad ? 'tile bad' : 'tile' },
    h('span', { class: 'name' }, name),
    h('strong', {}, value),
    h('span', { class: 'note' }, note),
  );
}

const newest = (points: readonly Point[], pick: (point: Point) => number | null): number | null =>
  points.map(pick).findLast((value) => value !== null) ?? null;

/** Renders the current figures; rates are means over the last `windowSeconds` points, one for each second. */
export function tiles(points: readonly Point[], { totals, fleets }: State): HTMLElement[] {
  const recent = points.slice(-windowSeconds);
  const sum = (pick: (point: Point) => number): number =>
    recent.reduce((total, point) => total + pick(point), 0);
  const seconds = Math.max(1, recent.length);
  const calls = sum((point) => point.calls);
  const errors = sum((point) => point.errors);
  const hits = sum((point) => point.hits);
  const lookups = hits + sum((point) => point.misses);
  const retries = sum((point) => point.retries);
  const backends = fleets.flatMap((fleet) => fleet.backends);
  const up = backends.filter((backend) => backend.up && !backend.drained).length;
  return [
    tile('Backends', `${up} of ${backends.length}`, 'take calls', up < backends.length),
    tile('Calls', `${number(calls / seconds)}/s`, `${number(totals.calls)} since the start`),
    tile(
      'Failed',
      calls === 0 ? '–' : percent(errors / calls),
      `${number(errors)} in ${seconds} s`,
      errors > 0,
    ),
    tile(
      'Latency',
      duration(newest(recent, ({ p50Ms }) => p50Ms)),
      `99 % below ${duration(newest(recent, ({ p99Ms }) => p99Ms))}`,
    ),
    tile('In flight', number(totals.inFlight), 'calls under way'),
    tile('Retries', `${number(retries / seconds)}/s`, `${number(totals.retries)} since the start`),
    tile(
      'Cache',
      lookups === 0 ? '–' : percent(hits / lookups),
      lookups === 0 ? 'no lookups' : `hits of ${number(lookups)} lookups`,
    ),
  ];
}

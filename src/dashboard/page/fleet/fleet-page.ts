/** The fleet: how much traffic there is and how it goes, and which backend serves which model. */
import { lineChart } from '../charts/line-chart.ts';
import { h, patch } from '../dom.ts';
import { duration, number } from '../format.ts';
import { type Live, maxPoints, type Point } from '../live.ts';
import type { Page } from '../main.ts';
import { counts } from './counts.ts';
import { matrix } from './matrix.ts';
import { tiles } from './tiles.ts';

/**
 * Creates the page with the tiles, a table for each fleet, the charts of the last five minutes and the totals.
 */
export function fleetPage(): Page {
  const figures = h('div', { class: 'tiles' });
  const fleets = h('div', { class: 'fleets' });
  const more = h('div', { class: 'counts' });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const calls = lineChart('Calls a second', maxPoints, number);
  const latency = lineChart('Latency', maxPoints, duration);
  const care = lineChart('Cache and retries, a second', maxPoints, number);
  const element = h(
    'div',
    {},
    h('h1', {}, 'Fleet'),
    figures,
    problem,
    fleets,
    h('h2', {}, 'The last five minutes'),
    h('div', { class: 'charts' }, calls.element, latency.element, care.element),
    h('h2', {}, 'Since the start'),
    more,
  );

  async function drain(button: HTMLElement): Promise<void> {
    const { fleet = '', backend = '', drain: wanted } = button.dataset;
    const path = `api/fleets/${encodeURIComponent(fleet)}/backends/${encodeURIComponent(backend)}`;
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ drained: wanted === 'true' }),
    });
    problem.textContent = answer.ok ? '' : ((await answer.json()) as { error: string }).error;
  }
  // one listener for all buttons: patching replaces attributes, not listeners
  fleets.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLElement>('button[data-drain]');
    if (button === null) return;
    drain(button).catch((error: unknown) => (problem.textContent = String(error)));
  });

  return {
    title: 'Fleet',
    element,
    update({ hello, state, points, connected }: Live) {
      element.classList.toggle('stale', !connected);
      if (hello === undefined || state === undefined) return;
      patch(figures, ...tiles(points, state));
      patch(fleets, ...state.fleets.map((fleet) => matrix(fleet, state.totals, hello.adminActions)));
      const of = (pick: (point: Point) => number | null): (number | null)[] => points.map(pick);
      calls.update([
        { name: 'all', color: 'blue', values: of(({ calls }) => calls) },
        { name: 'failed', color: 'red', values: of(({ errors }) => errors) },
      ]);
      latency.update([
        { name: 'half below', color: 'blue', values: of(({ p50Ms }) => p50Ms) },
        { name: '99 % below', color: 'violet', values: of(({ p99Ms }) => p99Ms) },
      ]);
      care.update([
        { name: 'hits', color: 'green', values: of(({ hits }) => hits) },
        { name: 'misses', color: 'amber', values: of(({ misses }) => misses) },
        { name: 'retries', color: 'red', values: of(({ retries }) => retries) },
      ]);
      patch(more, ...counts(state.totals));
    },
  };
}

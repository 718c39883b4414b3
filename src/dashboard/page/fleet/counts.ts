/** What happened since the start: status codes, the cache, retries and ejections by backend, limits that refused. */
import { h } from '../dom.ts';
import { number } from '../format.ts';
import type { State } from '../live.ts';

function list(title: string, entries: readonly (readonly [string, number])[], none: string): HTMLElement {
  const items = entries.filter(([, count]) => count > 0);
  return h(
    'section',
    {},
    h('h3', {}, title),
    items.length === 0
      ? h('p', { class: 'hint' }, none)
      : h('dl', {}, ...items.flatMap(([name, count]) => [h('dt', {}, name), h('dd', {}, number(count))])),
  );
}

/**
 * Renders the totals since the start as lists: calls by status and by backend, retries, ejections, cache,
 * limits.
 */
export function counts({ codes, cache, limits, backends }: State['totals']): HTMLElement[] {
  return [
    list('Calls by status', Object.entries(codes), 'none'),
    list(
      'Calls by who answered',
      backends.map(({ name, calls }) => [name, calls] as const),
      'none',
    ),
    list(
      'Retries by who failed',
      backends.map(({ name, retries }) => [name, retries] as const),
      'none',
    ),
    list(
      'Ejections',
      backends.map(({ name, ejections }) => [name, ejections] as const),
      'none',
    ),
    list('Cache', Object.entries(cache), 'no lookups'),
    list('Refused by a limit', Object.entries(limits), 'nothing'),
  ];
}

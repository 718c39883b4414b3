/** One fleet as a table of models and backends: which version is in which state where, and why a backend is out. */
import { h } from '../dom.ts';
import { duration, number, span } from '../format.ts';
import type { BackendState, FleetState, State, TrafficOf, VersionState } from '../live.ts';

type Totals = State['totals'];

/** How a version's state looks: a colour, and a sign for those who do not see it. */
const looks: Readonly<Record<string, readonly [kind: string, sign: string]>> = {
  AVAILABLE: ['good', '✓'],
  START: ['warn', '…'],
  LOADING: ['warn', '…'],
  UNLOADING: ['warn', '↓'],
  END: ['idle', '–'],
  UNKNOWN: ['bad', '?'],
};

function chip(kind: string, sign: string, text: string, title = ''): HTMLElement {
  return h(
    'span',
    { class: `chip ${kind}`, title: title === '' ? undefined : title },
    h('i', { 'aria-hidden': 'true' }, sign),
    ` ${text}`,
  );
}

function versionChip({ version, state, errorMessage = '' }: VersionState, out: boolean): HTMLElement {
  // what was last known of a backend that takes no calls says nothing about calls
  if (out) return chip('idle', '–', `v${version}`, `version ${version} was ${state} when last seen`);
  const failed = state === 'END' && errorMessage !== '';
  const [kind, sign] = failed ? ['bad', '✕'] : (looks[state] ?? ['idle', '?']);
  const text = state === 'AVAILABLE' ? `v${version}` : `v${version} ${state.toLowerCase()}`;
  return chip(kind, sign, text, failed ? errorMessage : `version ${version} is ${state}`);
}

/** The backend as a whole: up, drained, about to end, or down and why. */
function condition({ up, drained, terminating, reason }: BackendState): HTMLElement {
  if (!up) return chip('bad', '✕', 'down', reason);
  if (drained) return chip('warn', '↓', 'drained', 'an operator took it out');
  return terminating === true
    ? chip('warn', '↓', 'terminating', 'it is about to end, and gets no new calls while others serve')
    : chip('good', '✓', 'up');
}

function traffic(of: TrafficOf | undefined): string {
  if (of === undefined || of.rate === 0) return 'idle';
  const failing = of.errorRate > 0 ? `, ${number(of.errorRate)}/s fail` : '';
  return `${number(of.rate)}/s, ${duration(of.p50Ms)}${failing}`;
}

function header(
  fleet: string,
  backend: BackendState,
  of: TrafficOf | undefined,
  mayDrain: boolean,
): HTMLElement {
  const { name, up, drained, reason, inFlight, zone } = backend;
  return h(
    'th',
    { scope: 'col' },
    h('span', { class: 'backend' }, name),
    condition(backend),
    zone !== undefined && zone !== '' && chip('idle', '⌂', zone, 'zone'),
    h('span', { class: 'figures' }, traffic(of)),
    h('span', { class: 'figures' }, `99 % below ${duration(of?.p99Ms)}, ${inFlight} in flight`),
    // a reason begins with the backend's name, which stands above
    !up && h('span', { class: 'reason' }, reason.replace(`backend ${name}: `, '')),
    mayDrain &&
      h(
        'button',
        {
          type: 'button',
          'data-fleet': fleet,
          'data-backend': name,
          'data-drain': String(!drained),
          'aria-label': `${drained ? 'Bring back' : 'Drain'} ${name}`,
        },
        drained ? 'Bring back' : 'Drain',
      ),
  );
}

function cell(model: string, backend: BackendState): HTMLElement {
  const here = backend.models.find(({ name }) => name === model);
  const out = !backend.up || backend.drained;
  if (here === undefined) return h('td', {}, chip('idle', '–', 'not here'));
  const ejected =
    here.ejected && chip('bad', '⏏', `ejected, ${span(here.ejected.forMs / 1000)} left`, here.ejected.reason);
  const { weight = 1 } = here;
  // a model that has just come up gets its share by and by
  const share =
    !out && weight !== 1 && chip('idle', '×', number(weight), 'its share of the calls, compared with others');
  return h('td', {}, ...here.versions.map((version) => versionChip(version, out)), ejected, share);
}

/**
 * Renders a fleet as a table with a row for each model and a column for each backend.
 * @param mayDrain backends get a button that drains them
 */
export function matrix(
  { name, isDefault, backends, models }: FleetState,
  totals: Totals,
  mayDrain: boolean,
): HTMLElement {
  const ofBackend = new Map(totals.backends.map((of) => [of.name, of]));
  const own = isDefault ? undefined : name;
  const ofModel = new Map(totals.models.filter(({ fleet }) => fleet === own).map((of) => [of.name, of]));
  const head = h(
    'tr',
    {},
    h('th', { scope: 'col' }, 'Model'),
    ...backends.map((backend) => header(name, backend, ofBackend.get(backend.name), mayDrain)),
  );
  const sorted = [...models].sort((a, b) => a.name.localeCompare(b.name));
  const rows = sorted.map((model) =>
    h(
      'tr',
      {},
      h(
        'th',
        { scope: 'row' },
        h('span', { class: 'model' }, model.name),
        h('span', { class: 'figures' }, traffic(ofModel.get(model.name))),
        model.available < backends.length &&
          h('span', { class: 'figures' }, `available at ${model.available} of ${backends.length}`),
      ),
      ...backends.map((backend) => cell(model.name, backend)),
    ),
  );
  const table = h(
    'table',
    { class: 'matrix' },
    h('caption', {}, `Fleet ${name}`),
    h('thead', {}, head),
    h('tbody', {}, ...rows),
  );
  // scrolls sideways on its own; a keyboard must be able to get at it
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Fleet ${name}, models and backends` },
    table,
  );
}

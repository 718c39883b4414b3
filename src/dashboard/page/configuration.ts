/** The configuration in force, as the gateway shows it: without secrets. */
import { h, patch } from './dom.ts';
import type { Page } from './main.ts';

/** Sections stay folded out as the reader left them, since patching keeps the elements. */
function section(name: string, value: unknown): HTMLElement {
  const entries = Object.entries(value as object);
  const simple = entries.filter(
    ([, item]) => typeof item !== 'object' || item === null || Array.isArray(item),
  );
  const nested = entries.filter(
    ([, item]) => typeof item === 'object' && item !== null && !Array.isArray(item),
  );
  return h(
    'details',
    { class: 'settings', open: true },
    h('summary', {}, name),
    h('dl', {}, ...simple.flatMap(([key, item]) => row(key, item))),
    ...nested.map(([key, item]) => section(key, item)),
  );
}

function row(name: string, value: unknown): HTMLElement[] {
  const text = Array.isArray(value) ? value.map(String).join('\n') || 'none' : String(value);
  return [h('dt', {}, name), h('dd', {}, text)];
}

/** A reload changes it; how often to look, in ms. */
const lookEveryMs = 5000;

/** Creates the page that shows `api/config` by section, and fetches it again every 5 s. */
export function configurationPage(): Page {
  const body = h('div', { class: 'configuration' });
  const element = h(
    'div',
    {},
    h('h1', {}, 'Configuration in force'),
    h('p', { class: 'hint' }, 'Defaults included; secrets are hidden.'),
    body,
  );
  let lookedAt = Number.NEGATIVE_INFINITY;
  async function look(): Promise<void> {
    const config = Object.entries((await (await fetch('api/config')).json()) as object);
    const isSection = ([, value]: [string, unknown]): boolean => typeof value === 'object' && value !== null;
    const general = Object.fromEntries(config.filter((entry) => !isSection(entry)));
    const sections = [...config.filter(isSection), ['general', general] as const];
    patch(body, ...sections.map(([name, value]) => section(name, value)));
  }
  return {
    title: 'Configuration',
    element,
    update() {
      if (performance.now() < lookedAt + lookEveryMs) return;
      lookedAt = performance.now();
      // the header says already when the gateway does not answer
      look().catch(() => undefined);
    },
  };
}

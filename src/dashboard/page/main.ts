/** The page: which of its parts is open, and the state that all of them show. */
import { configurationPage } from './configuration.ts';
import { h, patch } from './dom.ts';
import { fleetPage } from './fleet/fleet-page.ts';
import { follow, type Live } from './live.ts';
import { playgroundPage } from './playground/playground-page.ts';

/** One part of the dashboard. */
export interface Page {
  readonly title: string;
  readonly element: HTMLElement;
  /** New state; called about once a second while the part is open, and when it is opened. */
  update(live: Live): void;
}

const makers: Readonly<Record<string, () => Page>> = {
  fleet: fleetPage,
  playground: playgroundPage,
  configuration: configurationPage,
};
const pages = new Map<string, Page>();
const main = document.getElementById('main') as HTMLElement;
const status = document.getElementById('status') as HTMLElement;
const refused = document.getElementById('refused') as HTMLElement;
const about = document.getElementById('about') as HTMLElement;
let live: Live = { hello: undefined, state: undefined, points: [], connected: false };
let open: Page | undefined;

function route(): void {
  const asked = location.hash.replace(/^#\//, '');
  const name = asked in makers ? asked : 'fleet';
  const page = pages.get(name) ?? (makers[name] as () => Page)();
  pages.set(name, page);
  const moved = open !== undefined && open !== page;
  open = page;
  document.title = `${page.title} – Tensorgate`;
  main.replaceChildren(page.element);
  for (const link of document.querySelectorAll('nav a'))
    if (link.getAttribute('href') === `#/${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  page.update(live);
  // a keyboard or screen reader goes on in the new part, not in the link that opened it
  if (moved) main.focus({ preventScroll: true });
}

function showStatus({ connected, state }: Live): void {
  const [kind, text] = !connected
    ? ['bad', 'gateway does not answer']
    : state?.ready.ok === true
      ? ['good', 'ready']
      : ['bad', state?.ready.reason ?? ''];
  if (status.textContent !== text) status.textContent = text;
  status.dataset.kind = kind;
}

/** Mistakes of a refused configuration that the page shows. */
const maxMistakes = 5;

/** Until a reload works: what runs is not what the operator wrote. */
function showRefused({ state }: Live): void {
  const reload = state?.refusedReload;
  let text = '';
  if (reload !== undefined) {
    const mistakes = reload.reason.split('\n');
    const more = mistakes.length - maxMistakes;
    text = [
      `The new configuration of ${new Date(reload.at).toLocaleString()} is refused, the one in force stays:`,
      ...mistakes.slice(0, maxMistakes),
      ...(more > 0 ? [`and ${more} more: /readyz has all of them`] : []),
    ].join('\n');
  }
  refused.hidden = text === '';
  // an alert that is written anew is read out anew
  if (refused.textContent !== text) refused.textContent = text;
}

function showAbout({ hello, state }: Live): void {
  if (hello === undefined || state === undefined) return;
  const links = ['metrics', 'api/fleet', 'api/config', 'readyz'].map((path) =>
    h('a', { href: path }, `/${path}`),
  );
  patch(
    about,
    h('span', {}, `Tensorgate ${hello.version}, Node ${hello.node}, process ${hello.pid}`),
    h('span', {}, `REST and gRPC-Web at ${hello.webUrl}`),
    h('span', {}, ...links.flatMap((link, i) => (i === 0 ? [link] : [' ', link]))),
  );
}

window.addEventListener('hashchange', route);
follow((next) => {
  live = next;
  showStatus(live);
  showRefused(live);
  showAbout(live);
  open?.update(live);
});
route();

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
  showAbout(live);
  open?.update(live);
});
route();

/** Prefixes that pass as they are: which there are, and what is wrong with them. */
import { parseBackendUrl } from './backend-url.ts';
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

type Fleet = Config['fleets'][string];
type Listed = Fleet['backends'][number];
type Route = NonNullable<Config['proxy']['routes']>[number];

/** Where OpenVINO Model Server has its generative API. */
const usualPrefix = '/v3';
/** Paths that the gateway answers itself. */
const own = ['/v1/models', '/v1/config', '/v2'];

/** The URL of an entry of a fleet's list. */
export const urlOf = (entry: Listed): string => (typeof entry === 'string' ? entry : entry.url);

const isHttp = (text: string): boolean => {
  const url = parseBackendUrl(text);
  return typeof url !== 'string' && url.api === 'http';
};

/** Whether a fleet gets HTTP as it is; what is wrong with its URLs is told elsewhere. */
export function isHttpFleet({ backends }: Fleet): boolean {
  return backends.length > 0 && backends.every((entry) => isHttp(urlOf(entry)));
}

/** The configured routes, or /v3 to the only HTTP fleet. */
export function proxyRoutes({ proxy, fleets }: Config): readonly Route[] {
  if (proxy.routes !== undefined) return proxy.routes;
  const names = Object.keys(fleets).filter((name) => isHttpFleet(fleets[name] as Fleet));
  return names.length === 1 ? [{ prefix: usualPrefix, fleet: names[0] as string }] : [];
}

const within = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);

export const servesNoModels = (name: string): string =>
  `${name} is a fleet of http:// backends, which serve prefixes and no models`;

/**
 * Reports fleets that mix http:// with other backends, a default fleet without models, and invalid proxy
 * routes.
 */
export function proxyProblems(config: Config, mistakes: Mistakes): void {
  const part = (check: () => void): void => {
    mistakes.part(check);
  };
  part(() => {
    for (const name of Object.keys(config.fleets))
      part(() => {
        const { backends, discovery } = config.fleets[name] as Fleet;
        const http = backends.filter((entry) => /^https?:/.test(urlOf(entry)));
        const { file, kubernetes } = discovery;
        const others = backends.length > http.length || file !== undefined || kubernetes !== undefined;
        if (http.length > 0 && others)
          mistakes.add(
            `fleets.${name}.backends`,
            'http:// backends get HTTP as it is and need a fleet of their own',
          );
      });
  });
  part(() => {
    const { fleets, defaultFleet } = config;
    const fallback = fleets[defaultFleet];
    if (fallback !== undefined && isHttpFleet(fallback) && !Object.values(fleets).every(isHttpFleet))
      mistakes.add('defaultFleet', servesNoModels(defaultFleet));
  });
  part(() => {
    routeProblems(config, mistakes);
  });
}

function routeProblems({ proxy, fleets }: Config, mistakes: Mistakes): void {
  const routes = proxy.routes ?? [];
  const seen = new Set<string>();
  for (let i = 0; i < routes.length; i++) {
    const at = `proxy.routes[${i}]`;
    mistakes.part(() => {
      const { prefix } = routes[i] as Route;
      const clash = own.find((path) => within(path, prefix) || within(prefix, path));
      if (clash !== undefined)
        mistakes.add(`${at}.prefix`, `${prefix} would hide ${clash}, which the gateway answers itself`);
      if (seen.has(prefix)) mistakes.add(`${at}.prefix`, `${prefix} is there twice`);
      seen.add(prefix);
    });
    mistakes.part(() => {
      const { fleet } = routes[i] as Route;
      const found = fleets[fleet];
      if (found === undefined) mistakes.add(`${at}.fleet`, `there is no fleet named ${fleet}`);
      else if (!isHttpFleet(found))
        mistakes.add(`${at}.fleet`, `${fleet} is no fleet of http:// or https:// backends`);
    });
  }
}

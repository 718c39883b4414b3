/** Prefixes that pass as they are: which there are, and what is wrong with them. */
import { parseBackendUrl } from './backend-url.ts';
import type { Problem } from './problem.ts';
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

export function proxyProblems(config: Config): Problem[] {
  const { fleets, proxy } = config;
  const problems: Problem[] = [];
  for (const [name, fleet] of Object.entries(fleets)) {
    const http = fleet.backends.filter((entry) => /^https?:/.test(urlOf(entry)));
    const { file, kubernetes } = fleet.discovery;
    const others = fleet.backends.length > http.length || file !== undefined || kubernetes !== undefined;
    if (http.length > 0 && others)
      problems.push({
        path: `fleets.${name}.backends`,
        message: 'http:// backends get HTTP as it is and need a fleet of their own',
      });
  }
  const fallback = fleets[config.defaultFleet];
  if (fallback !== undefined && isHttpFleet(fallback) && !Object.values(fleets).every(isHttpFleet))
    problems.push({
      path: 'defaultFleet',
      message: `${config.defaultFleet} is a fleet of http:// backends, which serve prefixes and no models`,
    });
  const seen = new Set<string>();
  (proxy.routes ?? []).forEach(({ prefix, fleet }, i) => {
    const add = (key: string, message: string): void =>
      void problems.push({ path: `proxy.routes[${i}].${key}`, message });
    const clash = own.find((path) => within(path, prefix) || within(prefix, path));
    if (clash !== undefined) add('prefix', `${prefix} would hide ${clash}, which the gateway answers itself`);
    if (seen.has(prefix)) add('prefix', `${prefix} is there twice`);
    seen.add(prefix);
    const found = fleets[fleet];
    if (found === undefined) add('fleet', `there is no fleet named ${fleet}`);
    else if (!isHttpFleet(found)) add('fleet', `${fleet} is no fleet of http:// or https:// backends`);
  });
  return problems;
}

/**
 * What a schema cannot say of a configuration: what belongs together, what excludes each other, what the files it
 * names hold.
 */
import { parseBackendUrl } from './backend-url.ts';
import { certificateProblems } from './certificates.ts';
import { corsProblems } from './cors.ts';
import { headerProblems } from './headers.ts';
import type { Mistakes } from './mistakes.ts';
import { nameProblems } from './names.ts';
import { networkProblems } from './networks.ts';
import { isHttpFleet, proxyProblems, urlOf } from './proxy.ts';
import { rateLimitProblems } from './rate-limits.ts';
import { maxPemBytes } from './read-text.ts';
import { redisProblems } from './redis-url.ts';
import { ruleProblems } from './rules.ts';
import type { Config } from './schema/index.ts';

/** @throws the system's error, or an Error that names the limit */
export type Read = (path: string, maxBytes: number) => string;

export interface CrossCheckDeps {
  readonly mistakes: Mistakes;
  readonly read: Read;
  /** Contents of the files that the configuration names, by path: filled in. */
  readonly files: Map<string, string>;
}

/** Reads a file that the configuration names at a path, once. */
type Need = (path: string, file: string | undefined) => void;

const doorPorts = ['restPort', 'grpcPort', 'adminPort'] as const;

function checkDoors({ doors }: Config, mistakes: Mistakes, need: Need): void {
  const taken = new Map<number, string>();
  for (const name of doorPorts)
    mistakes.part(() => {
      const port = doors[name];
      const other = taken.get(port);
      if (other !== undefined)
        mistakes.add(`doors.${name}`, `is ${port}, as doors.${other} is: each door needs a port of its own`);
      // any free one, or none
      else if (port !== 0) taken.set(port, name);
    });
  for (const name of ['cert', 'key', 'clientCa'] as const)
    mistakes.part(() => {
      need(`doors.tls.${name}`, doors.tls?.[name]);
    });
  mistakes.part(() => {
    mistakes.found.push(...networkProblems('doors.trustedProxies', doors.trustedProxies));
  });
  mistakes.part(() => {
    if (doors.proxyProtocol && doors.trustedProxies.length === 0)
      mistakes.add('doors.proxyProtocol', 'needs doors.trustedProxies: from others no PROXY header is read');
  });
}

function checkFleet(name: string, { fleets }: Config, mistakes: Mistakes, need: Need): void {
  const path = `fleets.${name}`;
  const fleet = fleets[name];
  if (fleet === undefined) return;
  const seen = new Set<string>();
  mistakes.part(() => {
    const { file, kubernetes } = fleet.discovery;
    if (fleet.backends.length === 0 && file === undefined && kubernetes === undefined)
      mistakes.add(path, 'has neither backends nor a discovery.file or discovery.kubernetes');
  });
  mistakes.part(() => {
    const { kubernetes } = fleet.discovery;
    if (kubernetes === undefined) return;
    const parsed = parseBackendUrl(`${kubernetes.scheme}://host:1`);
    if (typeof parsed === 'string') mistakes.add(`${path}.discovery.kubernetes.scheme`, parsed);
    if (kubernetes.namespace === '')
      need(`${path}.discovery.kubernetes.namespaceFile`, kubernetes.namespaceFile);
  });
  mistakes.part(() => {
    const { backends } = fleet;
    for (let i = 0; i < backends.length; i++)
      mistakes.part(() => {
        const url = urlOf(backends[i]!);
        const parsed = parseBackendUrl(url);
        if (typeof parsed === 'string') mistakes.add(`${path}.backends[${i}]`, parsed);
        if (seen.has(url)) mistakes.add(`${path}.backends[${i}]`, `${url} is there twice`);
        seen.add(url);
      });
  });
  for (const key of ['ca', 'cert', 'key'] as const)
    mistakes.part(() => {
      need(`${path}.tls.${key}`, fleet.tls?.[key]);
    });
  mistakes.part(() => {
    if ((fleet.tls?.cert === undefined) !== (fleet.tls?.key === undefined))
      mistakes.add(`${path}.tls`, 'cert and key belong together');
  });
}

function checkModel(name: string, config: Config, mistakes: Mistakes): void {
  const { deadlines } = config;
  const path = `models.${name}`;
  const model = config.models[name];
  if (model === undefined) return;
  mistakes.part(() => {
    if (model.cache?.enabled === true && config.cache.redisUrl === undefined)
      mistakes.add(`${path}.cache`, 'needs cache.redisUrl');
  });
  mistakes.part(() => {
    const own = model.deadlines;
    if (own?.defaultMs === undefined || own.defaultMs <= (own.maxMs ?? deadlines.maxMs)) return;
    mistakes.add(
      `${path}.deadlines.defaultMs`,
      own.maxMs === undefined
        ? `is longer than deadlines.maxMs: ${path}.deadlines.maxMs may be more`
        : `is longer than ${path}.deadlines.maxMs`,
    );
  });
  nameProblems(name, config, mistakes);
  mistakes.part(() => {
    ruleProblems(path, model.rules, mistakes);
  });
}

/** The names of a map, of which any may be malformed. */
const namesOf = (config: Config, map: 'fleets' | 'models', mistakes: Mistakes): string[] => {
  let names: string[] = [];
  mistakes.part(() => {
    names = Object.keys(config[map]);
  });
  return names;
};

/** @param config its maps from names have no prototype */
export function crossCheck(config: Config, { mistakes, read, files }: CrossCheckDeps): void {
  const need: Need = (path, file) => {
    if (file === undefined || files.has(file)) return;
    try {
      files.set(file, read(file, maxPemBytes));
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      mistakes.add(path, `cannot read ${file}: ${why}`);
    }
  };
  mistakes.part(() => {
    checkDoors(config, mistakes, need);
  });
  mistakes.part(() => {
    const { fleets, defaultFleet } = config;
    if (Object.keys(fleets).length === 0)
      mistakes.add('fleets', 'there is no backend: name one with --backend, or fleets in a configuration');
    // a gateway of HTTP fleets alone has no models, and so no fleet for them
    else if (!(defaultFleet in fleets) && !Object.values(fleets).every(isHttpFleet))
      mistakes.add('defaultFleet', `there is no fleet named ${defaultFleet}`);
  });
  for (const name of namesOf(config, 'fleets', mistakes))
    mistakes.part(() => {
      checkFleet(name, config, mistakes, need);
    });
  for (const name of namesOf(config, 'models', mistakes))
    mistakes.part(() => {
      checkModel(name, config, mistakes);
    });
  proxyProblems(config, mistakes);
  rateLimitProblems(config, mistakes);
  mistakes.part(() => {
    corsProblems(config, mistakes);
  });
  headerProblems(config, mistakes);
  redisProblems(config, mistakes);
  certificateProblems(config, files, mistakes);
  mistakes.part(() => {
    const { deadlines } = config;
    if (deadlines.defaultMs > deadlines.maxMs)
      mistakes.add('deadlines.defaultMs', 'is longer than deadlines.maxMs');
  });
}

/** A configuration file and the command line's flags become one Snapshot, or a list of everything that is wrong. */
import { parseBackendUrl } from './backend-url.ts';
import { certificateProblems } from './certificates.ts';
import { corsProblems } from './cors.ts';
import { headerProblems } from './headers.ts';
import { interpolate } from './interpolate.ts';
import { nameProblems } from './names.ts';
import { networkProblems } from './networks.ts';
import { ConfigError, type Problem } from './problem.ts';
import { withPlaces } from './places.ts';
import { isHttpFleet, proxyProblems, urlOf } from './proxy.ts';
import { rateLimitProblems } from './rate-limits.ts';
import { maxConfigBytes, maxPemBytes, readText } from './read-text.ts';
import { redisProblems } from './redis-url.ts';
import type { Config } from './schema/index.ts';
import { learnSecretsIn } from './secrets.ts';
import { schemaProblems } from './validate.ts';
import { readYaml } from './yaml.ts';

/** What the command line says; it comes before the file. */
export interface Flags {
  readonly backends?: readonly string[] | undefined;
  readonly host?: string | undefined;
  readonly restPort?: number | undefined;
  readonly grpcPort?: number | undefined;
  readonly adminPort?: number | undefined;
  readonly workers?: number | 'auto' | undefined;
  readonly passthrough?: boolean | undefined;
  /** Models that are known from the start; `demo` names its own. */
  readonly models?: readonly string[] | undefined;
  readonly logLevel?: 'info' | 'warn' | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsClientCa?: string | undefined;
}

/** One valid configuration, whole and frozen; files that it names have been read. */
export interface Snapshot {
  readonly config: Config;
  /** Contents of the files that the configuration names, by path. */
  readonly files: ReadonlyMap<string, string>;
  /** The same, and its own: all that it was made of beside flags and environment. */
  readonly sources: ReadonlyMap<string, string>;
  /** Where it came from; undefined when from flags alone. */
  readonly path: string | undefined;
}

/** @throws the system's error, or an Error that names the limit */
type Read = (path: string, maxBytes: number) => string;

function readConfig(path: string, read: Read, sources: Map<string, string>): unknown {
  let source: string;
  try {
    source = read(path, maxConfigBytes);
    sources.set(path, source);
  } catch (error) {
    throw new ConfigError([{ path: '', message: `cannot read ${path}: ${(error as Error).message}` }]);
  }
  return readYaml(source, path);
}

type Draft = Record<string, unknown>;

/** Writes what the flags say into the file's values. */
function withFlags(draft: Draft, flags: Flags): void {
  const set = (name: string, values: Record<string, unknown>): void => {
    const present = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
    if (Object.keys(present).length > 0) draft[name] = { ...(draft[name] as object | undefined), ...present };
  };
  const { tlsCert, tlsKey, tlsClientCa } = flags;
  const tls =
    tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined
      ? undefined
      : clean({ cert: tlsCert, key: tlsKey, clientCa: tlsClientCa });
  set('doors', {
    host: flags.host,
    restPort: flags.restPort,
    grpcPort: flags.grpcPort,
    adminPort: flags.adminPort,
    tls,
  });
  set('grpc', { passthrough: flags.passthrough });
  set('telemetry', { logLevel: flags.logLevel });
  if (flags.models !== undefined) {
    const named = Object.fromEntries(flags.models.map((name) => [name, {}]));
    draft.models = { ...named, ...(draft.models as object | undefined) };
  }
  if (flags.workers !== undefined) draft.workers = flags.workers;
  const fleet = (name: string, backends: readonly string[]): void => {
    const fleets = (draft.fleets ?? {}) as Record<string, object>;
    if (backends.length > 0) draft.fleets = { ...fleets, [name]: { ...fleets[name], backends } };
  };
  const isHttp = (url: string): boolean => /^https?:/.test(url);
  const { backends = [] } = flags;
  fleet(
    'default',
    backends.filter((url) => !isHttp(url)),
  );
  fleet('http', backends.filter(isHttp));
}

const clean = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** What a schema cannot say. */
function crossCheck(config: Config, files: Map<string, string>, problems: Problem[], read: Read): void {
  const add = (path: string, message: string): void => void problems.push({ path, message });
  const need = (path: string, file: string | undefined): void => {
    if (file === undefined || files.has(file)) return;
    try {
      files.set(file, read(file, maxPemBytes));
    } catch (error) {
      add(path, `cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
    }
  };
  const { doors, fleets, models, defaultFleet, deadlines } = config;
  const ports = [doors.restPort, doors.grpcPort, doors.adminPort].filter((number) => number !== 0);
  if (new Set(ports).size !== ports.length) add('doors', 'restPort, grpcPort and adminPort must differ');
  need('doors.tls.cert', doors.tls?.cert);
  need('doors.tls.key', doors.tls?.key);
  need('doors.tls.clientCa', doors.tls?.clientCa);
  if (Object.keys(fleets).length === 0)
    add('fleets', 'there is no backend: name one with --backend, or fleets in a configuration');
  // a gateway of HTTP fleets alone has no models, and so no fleet for them
  else if (fleets[defaultFleet] === undefined && !Object.values(fleets).every(isHttpFleet))
    add('defaultFleet', `there is no fleet named ${defaultFleet}`);
  for (const [name, fleet] of Object.entries(fleets)) {
    const seen = new Set<string>();
    const { file, kubernetes } = fleet.discovery;
    if (fleet.backends.length === 0 && file === undefined && kubernetes === undefined)
      add(`fleets.${name}`, 'has neither backends nor a discovery.file or discovery.kubernetes');
    if (kubernetes !== undefined) {
      const parsed = parseBackendUrl(`${kubernetes.scheme}://host:1`);
      if (typeof parsed === 'string') add(`fleets.${name}.discovery.kubernetes.scheme`, parsed);
      if (kubernetes.namespace === '')
        need(`fleets.${name}.discovery.kubernetes.namespaceFile`, kubernetes.namespaceFile);
    }
    fleet.backends.forEach((entry, i) => {
      const url = urlOf(entry);
      const parsed = parseBackendUrl(url);
      if (typeof parsed === 'string') add(`fleets.${name}.backends[${i}]`, parsed);
      if (seen.has(url)) add(`fleets.${name}.backends[${i}]`, `${url} is there twice`);
      seen.add(url);
    });
    need(`fleets.${name}.tls.ca`, fleet.tls?.ca);
    need(`fleets.${name}.tls.cert`, fleet.tls?.cert);
    need(`fleets.${name}.tls.key`, fleet.tls?.key);
    if ((fleet.tls?.cert === undefined) !== (fleet.tls?.key === undefined))
      add(`fleets.${name}.tls`, 'cert and key belong together');
  }
  for (const [name, { cache }] of Object.entries(models)) {
    if (cache?.enabled === true && config.cache.redisUrl === undefined)
      add(`models.${name}.cache`, 'needs cache.redisUrl');
  }
  problems.push(
    ...networkProblems('doors.trustedProxies', doors.trustedProxies),
    ...(doors.proxyProtocol && doors.trustedProxies.length === 0
      ? [
          {
            path: 'doors.proxyProtocol',
            message: 'needs doors.trustedProxies: from others no PROXY header is read',
          },
        ]
      : []),
    ...nameProblems(config),
    ...proxyProblems(config),
    ...rateLimitProblems(config),
    ...corsProblems(config),
    ...headerProblems(config),
    ...redisProblems(config),
    ...certificateProblems(config, files),
  );
  if (deadlines.defaultMs > deadlines.maxMs) add('deadlines.defaultMs', 'is longer than deadlines.maxMs');
  for (const [name, { deadlines: own }] of Object.entries(models)) {
    if (own?.defaultMs === undefined || own.defaultMs <= (own.maxMs ?? deadlines.maxMs)) continue;
    const path = `models.${name}.deadlines`;
    add(
      `${path}.defaultMs`,
      own.maxMs === undefined
        ? `is longer than deadlines.maxMs: ${path}.maxMs may be more`
        : `is longer than ${path}.maxMs`,
    );
  }
}

/** A copy that has the names which somebody gave, and none of what every object has: "constructor" is no fleet. */
function ownNames<T extends object>(named: T): T {
  return Object.assign(Object.create(null) as T, named);
}

/** @param config valid by its schema; its maps from names get no prototype */
function withOwnNames(config: Config): Config {
  return {
    ...config,
    fleets: ownNames(config.fleets),
    models: ownNames(
      Object.fromEntries(
        Object.entries(config.models).map(([name, model]) => [
          name,
          model.labels === undefined ? model : { ...model, labels: ownNames(model.labels) },
        ]),
      ),
    ),
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}

/** Reads what was read before, whatever has become of the files. */
const from =
  (sources: ReadonlyMap<string, string>): Read =>
  (path) => {
    const source = sources.get(path);
    if (source === undefined) throw new Error('it was not read before');
    return source;
  };

/**
 * @param env for ${NAME} in the file
 * @param before the sources of an earlier snapshot, to make the same one again
 * @throws ConfigError with every mistake at once
 */
export function loadSnapshot(
  path: string | undefined,
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  before?: ReadonlyMap<string, string>,
): Snapshot {
  const problems: Problem[] = [];
  const read = before === undefined ? readText : from(before);
  const sources = new Map<string, string>();
  const draft = path === undefined ? {} : interpolate(readConfig(path, read, sources), env, problems);
  if (typeof draft !== 'object' || draft === null || Array.isArray(draft)) {
    throw new ConfigError([
      {
        path: '',
        message: `${path ?? ''} holds no configuration: expected keys such as doors, fleets, models`,
      },
    ]);
  }
  withFlags(draft as Draft, flags);
  learnSecretsIn(draft);
  problems.push(...schemaProblems(draft));
  const config = problems.length === 0 ? withOwnNames(draft as Config) : (draft as Config);
  const files = new Map<string, string>();
  if (problems.length === 0) crossCheck(config, files, problems, read);
  const source = path === undefined ? undefined : sources.get(path);
  if (problems.length > 0)
    throw new ConfigError(source === undefined ? problems : withPlaces(problems, source));
  for (const [file, text] of files) sources.set(file, text);
  return { config: freeze(config), files, sources, path };
}

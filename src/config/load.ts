/** A configuration file and the command line's flags become one Snapshot, or a list of everything that is wrong. */
import { crossCheck, type Read } from './cross-check.ts';
import { interpolate } from './interpolate.ts';
import { Mistakes, readableParts } from './mistakes.ts';
import { ConfigError, type Problem } from './problem.ts';
import { withPlaces } from './places.ts';
import { maxConfigBytes, readText } from './read-text.ts';
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

const isMap = (value: unknown): value is Draft =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sets what stands at a path, and leaves what is no map on the way as it is: the schema's check tells. */
function set(draft: Draft, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (value === undefined) return;
  if (rest.length === 0) {
    draft[key] = value;
    return;
  }
  const inner = draft[key] ?? {};
  if (!isMap(inner)) return;
  draft[key] = { ...inner };
  set(draft[key] as Draft, rest, value);
}

/** Where each flag says something, and how it is spelt. */
const settingsOf = (flags: Flags): ReadonlyMap<string, { readonly value: unknown; readonly flag: string }> =>
  new Map([
    ['doors.host', { value: flags.host, flag: '--host' }],
    ['doors.restPort', { value: flags.restPort, flag: '--rest-port' }],
    ['doors.grpcPort', { value: flags.grpcPort, flag: '--grpc-port' }],
    ['doors.adminPort', { value: flags.adminPort, flag: '--admin-port' }],
    ['doors.tls.cert', { value: flags.tlsCert, flag: '--tls-cert' }],
    ['doors.tls.key', { value: flags.tlsKey, flag: '--tls-key' }],
    ['doors.tls.clientCa', { value: flags.tlsClientCa, flag: '--tls-client-ca' }],
    ['grpc.passthrough', { value: flags.passthrough, flag: '--passthrough' }],
    ['telemetry.logLevel', { value: flags.logLevel, flag: '' }],
    ['workers', { value: flags.workers, flag: '--workers' }],
  ]);

/** Mistakes in what flags say name the flag: they have no place in the file. */
function flagged(problems: readonly Problem[], flags: Flags): readonly Problem[] {
  const settings = settingsOf(flags);
  return problems.map((problem) => {
    const { path, message } = problem;
    const setting = settings.get(path);
    const isBackend = flags.backends !== undefined && /^fleets\.(default|http)\.backends\[/.test(path);
    const flag = isBackend ? '--backend' : setting?.value === undefined ? '' : setting.flag;
    return flag === '' ? problem : { path, message: `${message} (${flag})`, byFlag: true };
  });
}

/** Writes what the flags say into the file's values. */
function withFlags(draft: Draft, flags: Flags): void {
  for (const [path, { value }] of settingsOf(flags)) set(draft, path.split('.'), value);
  if (flags.models !== undefined && isMap(draft.models ?? {})) {
    const named = Object.fromEntries(flags.models.map((name) => [name, {}]));
    draft.models = { ...named, ...(draft.models as object | undefined) };
  }
  const fleet = (name: string, backends: readonly string[]): void => {
    set(draft, ['fleets', name, 'backends'], backends.length > 0 ? backends : undefined);
  };
  const isHttp = (url: string): boolean => /^https?:/.test(url);
  const { backends = [] } = flags;
  fleet(
    'default',
    backends.filter((url) => !isHttp(url)),
  );
  fleet('http', backends.filter(isHttp));
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
  const read = before === undefined ? readText : from(before);
  const sources = new Map<string, string>();
  /** Files that it names. */
  const asked = new Set<string>();
  const fail = (problems: readonly Problem[]): never => {
    const said = flagged(problems, flags);
    const source = path === undefined ? undefined : sources.get(path);
    throw new ConfigError(source === undefined ? said : withPlaces(said, source), [...asked]);
  };
  const mistakes = new Mistakes();
  const draft = path === undefined ? {} : interpolate(readConfig(path, read, sources), env, mistakes.found);
  if (typeof draft !== 'object' || draft === null || Array.isArray(draft))
    return fail([
      {
        path: '',
        message: `${path ?? ''} holds no configuration: expected keys such as doors, fleets, models`,
      },
    ]);
  withFlags(draft as Draft, flags);
  learnSecretsIn(draft);
  // variables that are not set: what would be wrong with a value without them is no news
  const unset = new Set(mistakes.found.map((problem) => problem.path));
  const malformed = new Set(unset);
  const missing = new Map<string, string[]>();
  for (const { problem, kind, key } of schemaProblems(draft)) {
    const { path: at } = problem;
    if (unset.has(at)) continue;
    mistakes.found.push(problem);
    if (kind === 'missing') missing.set(at, [...(missing.get(at) ?? []), key]);
    else if (kind === 'value') malformed.add(at);
  }
  const config =
    mistakes.found.length === 0
      ? withOwnNames(draft as Config)
      : (readableParts(draft, { values: malformed, missing }) as Config);
  const files = new Map<string, string>();
  crossCheck(config, {
    mistakes,
    files,
    read(file, maxBytes) {
      asked.add(file);
      return read(file, maxBytes);
    },
  });
  if (mistakes.found.length > 0) return fail(mistakes.found);
  for (const [file, text] of files) sources.set(file, text);
  return { config: freeze(config), files, sources, path };
}

/** What a fleet shows of itself: its backends to operators, its models to the rest of the gateway. */
import type { Target } from '../call/index.ts';
import type { V2ModelIndex } from '../codec/index.ts';
import { listedVersion, type ModelState, type VersionState } from '../models/index.ts';
import type { BackendSet } from './backend-set.ts';
import type { Backend } from './backend.ts';
import type { Ejected, OutlierDetector } from './balance/outlier-detector.ts';
import type { WatchedModels } from './health/watched-models.ts';
import type { RoutingTable } from './routing/routing-table.ts';
import { mergeVersions } from './summary.ts';

/** What the admin door shows of a backend. */
export interface BackendState {
  readonly name: string;
  readonly up: boolean;
  /** Why it is down; empty while it is up. */
  readonly reason: string;
  readonly drained: boolean;
  /** Present while discovery says that it is about to end. */
  readonly terminating?: true | undefined;
  readonly zone?: string | undefined;
  readonly inFlight: number;
  /** The most that may be in flight now. */
  readonly limit: number;
  readonly connections: number;
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly VersionState[];
    /** Present while the model is left out at this backend. */
    readonly ejected?: Ejected | undefined;
    /** Share that it gets now, compared with others. */
    readonly weight?: number | undefined;
  }[];
}

/**
 * State of each backend for the admin API: health, calls in flight, and per model the versions, and where it is
 * watched its ejection and weight (three decimals).
 */
export function backendStates(
  members: BackendSet,
  watched: WatchedModels,
  outliers: OutlierDetector,
): readonly BackendState[] {
  return members.list.map((backend) => ({
    name: backend.name,
    up: backend.health.isHealthy,
    reason: backend.health.reason,
    drained: backend.drained,
    ...(backend.terminating ? { terminating: true as const } : {}),
    zone: backend.zone,
    inFlight: backend.outstanding,
    limit: backend.concurrency.limit,
    connections: backend.connections,
    models: namesOf([backend], watched).flatMap((name) => {
      const versions = versionsAt(backend, name);
      if (versions === undefined) return [];
      // nobody has called it: it has no record
      if (!watched.has(name)) return [{ name, versions }];
      const ejected = outliers.ejected(backend.name, name);
      return [{ name, versions, ejected, weight: Number(backend.replica(name).weight.toFixed(3)) }];
    }),
  }));
}

/** Models that are watched, or that one of the backends lists. */
function namesOf(backends: readonly Backend[], watched: WatchedModels): readonly string[] {
  return [...new Set([...watched.names(), ...backends.flatMap(({ repository }) => [...repository.names])])];
}

/** What looks at the model say, or else the backend's list. */
function versionsAt({ health, repository }: Backend, model: string): readonly VersionState[] | undefined {
  const seen = health.versions(model);
  if (seen !== undefined) return seen;
  const listed = repository.versions(model);
  return listed === undefined || listed.length === 0 ? undefined : listed;
}

/**
 * Backends that a question about a model is for: those that have the version, or else the model, or else all that are
 * up, or all.
 */
export function havingModel(
  backends: readonly Backend[],
  { model, version }: Pick<Target, 'model' | 'version'>,
): readonly Backend[] {
  const having = backends.filter((backend) => versionsAt(backend, model) !== undefined);
  const able =
    version === undefined
      ? []
      : having.filter((backend) => versionsAt(backend, model)?.some((each) => each.version === version));
  if (able.length > 0) return able;
  if (having.length > 0) return having;
  const up = backends.filter(({ health }) => health.isHealthy);
  return up.length > 0 ? up : backends;
}

const isAvailable = ({ state }: VersionState): boolean => state === 'AVAILABLE';

export interface StateDeps {
  readonly members: Pick<BackendSet, 'list'>;
  readonly watched: WatchedModels;
  readonly table: RoutingTable;
}

/** A model that is configured, or that a backend has. */
export function modelState(name: string, { members, watched, table }: StateDeps): ModelState | undefined {
  const known = members.list.flatMap((backend) => {
    const versions = versionsAt(backend, name);
    return versions === undefined ? [] : [{ backend, versions }];
  });
  if (known.length === 0 && !watched.isConfigured(name)) return undefined;
  const serving = known.filter(
    ({ backend, versions }) => backend.health.isHealthy && !backend.drained && versions.some(isAvailable),
  );
  return {
    name,
    versions: mergeVersions(known.flatMap(({ versions }) => versions)),
    backends:
      table.get(name)?.knowing.length ?? known.filter(({ backend }) => backend.health.isHealthy).length,
    available: serving.length,
  };
}

/**
 * State of each model that is watched or listed by a backend; one that is neither configured nor at a backend is left
 * out.
 */
export function modelStates(deps: StateDeps): readonly ModelState[] {
  return namesOf(deps.members.list, deps.watched)
    .map((name) => modelState(name, deps))
    .filter((state) => state !== undefined);
}

/** Of two backends that have a version in different states, the better one counts. */
const ranks: Readonly<Record<string, number>> = { READY: 5, LOADING: 4, UNLOADING: 3, UNAVAILABLE: 2 };
const rankOf = ({ state }: V2ModelIndex): number => ranks[state] ?? (state === '' ? 0 : 1);

/** V2's repository index of all backends: what each lists, and what looks say of models that it does not list. */
export function modelIndex({
  members,
  watched,
}: Pick<StateDeps, 'members' | 'watched'>): readonly V2ModelIndex[] {
  const models = new Map<string, Map<string, V2ModelIndex>>();
  const offer = ({ health, drained }: Backend, entry: V2ModelIndex): void => {
    const out = entry.state !== '' && (!health.isHealthy || drained);
    const here = out ? { ...entry, state: 'UNAVAILABLE', reason: 'no backend that has it is up' } : entry;
    const versions = models.get(entry.name) ?? new Map<string, V2ModelIndex>();
    models.set(entry.name, versions);
    const other = versions.get(entry.version);
    if (other === undefined || rankOf(here) > rankOf(other)) versions.set(entry.version, here);
  };
  for (const backend of members.list) {
    const { repository, health } = backend;
    for (const entry of repository.models) offer(backend, entry);
    for (const name of watched.names())
      if (!repository.has(name))
        for (const version of health.versions(name) ?? []) offer(backend, listedVersion(name, version));
  }
  return [...models.values()].flatMap((versions) => {
    const all = [...versions.values()];
    // one server has not loaded it, and another has
    const loaded = all.filter(({ state }) => state !== '');
    return loaded.length === 0 ? all : loaded;
  });
}

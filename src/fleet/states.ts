/** What a fleet shows of itself: its backends to operators, its models to the rest of the gateway. */
import type { ModelState, VersionState } from '../models/index.ts';
import type { Ejected, Outliers } from './balance/outliers.ts';
import type { WatchedModels } from './health/watched-models.ts';
import type { Members } from './members.ts';
import type { RoutingTable } from './routing-table.ts';
import { mergeVersions } from './summary.ts';

/** What the admin door shows of a backend. */
export interface BackendState {
  readonly name: string;
  readonly up: boolean;
  /** Why it is down; empty while it is up. */
  readonly reason: string;
  readonly drained: boolean;
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

export function backendStates(
  members: Members,
  watched: WatchedModels,
  outliers: Outliers,
): readonly BackendState[] {
  return members.list.map((backend) => ({
    name: backend.name,
    up: backend.health.up,
    reason: backend.health.reason,
    drained: backend.drained,
    zone: backend.zone,
    inFlight: backend.outstanding,
    limit: backend.concurrency.limit,
    connections: backend.connections,
    models: watched.names().flatMap((name) => {
      const versions = backend.health.versions(name);
      if (versions === undefined) return [];
      const ejected = outliers.ejected(backend.name, name);
      return [{ name, versions, ejected, weight: Number(backend.replica(name).weight.toFixed(3)) }];
    }),
  }));
}

/** The models that are configured or that a backend has. */
export function modelStates(
  members: Members,
  watched: WatchedModels,
  table: RoutingTable,
): readonly ModelState[] {
  return watched.names().flatMap((name) => {
    const known = members.list.flatMap(({ health }) => health.versions(name) ?? []);
    if (known.length === 0 && !watched.isConfigured(name)) return [];
    const routes = table.get(name);
    const available = (routes?.standings ?? []).filter(
      ({ up, drained, versions }) =>
        up && !drained && (versions ?? []).some(({ state }) => state === 'AVAILABLE'),
    );
    return [
      {
        name,
        versions: mergeVersions(known),
        backends: routes?.knowing.length ?? 0,
        available: available.length,
      },
    ];
  });
}

/** Who may answer for one model right now, and with which version: a pure function of what is known of each backend. */
import type { VersionState } from '../../models/index.ts';

/** One backend and one model at one moment. */
export interface BackendModelState<B> {
  readonly backend: B;
  /** As HealthState has it, and so is `recovering`. */
  readonly healthy: boolean;
  readonly recovering: boolean;
  /** An operator took it out. */
  readonly drained: boolean;
  /** It is about to end: it gets calls only where no other can answer. */
  readonly terminating?: boolean;
  /** Undefined when it does not have the model, or nobody asked yet. */
  readonly versions: readonly VersionState[] | undefined;
  /**
   * Those that it lists and that are no numbers: versions of KServe V2 are texts. Empty when it lists none at all,
   * which says nothing of those that it has; undefined when all are numbers.
   */
  readonly texts?: readonly string[] | undefined;
  readonly ejected: boolean;
  /** The model came up there, and is being warmed before calls get to it. */
  readonly warming: boolean;
}

export interface RoutingOptions {
  /** A version is the default when more than this share of the backends with the model have it, in hundredths. */
  readonly quorumPercent: number;
  /** When fewer than this share are left, those that were left out are taken again, in hundredths. */
  readonly panicPercent: number;
}

export interface Routes<B> {
  /** The version that calls without one run. */
  readonly defaultVersion: bigint | undefined;
  /** Backends for calls without a version: those whose own default is the fleet's. */
  readonly unversioned: readonly B[];
  readonly versions: ReadonlyMap<bigint, readonly B[]>;
  /** Backends by the versions that are listed there and are no numbers. */
  readonly texts: ReadonlyMap<string, readonly B[]>;
  /** Backends that list no versions: they may have any that no other lists. */
  readonly unlisted: readonly B[];
  /** Backends that know the model in whatever state; they may say what is wrong. */
  readonly knowing: readonly B[];
}

const isAvailable = ({ state }: VersionState): boolean => state === 'AVAILABLE';
const isComing = ({ state }: VersionState): boolean => state === 'START' || state === 'LOADING';

/** What a standing says, read once: a server may have hundreds of versions. */
interface Read<B> extends BackendModelState<B> {
  readonly available: readonly bigint[];
  readonly highest: bigint | undefined;
  readonly coming: boolean;
}

function read<B>(standing: BackendModelState<B>): Read<B> {
  const versions = standing.versions ?? [];
  const available = versions.filter(isAvailable).map(({ version }) => version);
  return { ...standing, available, highest: highest(available), coming: versions.some(isComing) };
}

const highest = (versions: readonly bigint[]): bigint | undefined =>
  versions.reduce<bigint | undefined>(
    (best, version) => (best === undefined || version > best ? version : best),
    undefined,
  );

/**
 * Leaves out those that are worse off, as long as enough remain: first who loads or warms, since the rest can do its
 * work meanwhile; then who is ejected. When too few are left the trouble is elsewhere, and spreading it over all is
 * better than heaping it on a few (Envoy's panic threshold). Backends without the model never come back this way.
 */
function preferred<B>(able: readonly Read<B>[], panicPercent: number): readonly B[] {
  const enough = (some: readonly unknown[]): boolean =>
    some.length > 0 && some.length * 100 >= able.length * panicPercent;
  const sound = able.filter(({ ejected }) => !ejected);
  const calm = sound.filter(({ warming, coming }) => !warming && !coming);
  const kept = enough(calm) ? calm : enough(sound) ? sound : able;
  return kept.map(({ backend }) => backend);
}

/** Those that are not about to end; all when all are: kube-proxy takes terminating endpoints in the same case. */
export function staying<T extends { readonly terminating?: boolean }>(some: readonly T[]): readonly T[] {
  const kept = some.filter(({ terminating }) => terminating !== true);
  return kept.length > 0 ? kept : some;
}

/** Where nobody else is there, those that are about to end, and then those that recover, are better than an error. */
function steadiest<B>(having: readonly Read<B>[]): readonly Read<B>[] {
  const healthy = having.filter((standing) => standing.healthy);
  return staying(healthy.length > 0 ? healthy : having);
}

/** The newest version that a quorum has; without one, the version that most have, the newer of two. */
function defaultOf(able: readonly Read<unknown>[], quorumPercent: number): bigint | undefined {
  const counts = new Map<bigint, number>();
  for (const { available } of able)
    for (const version of available) counts.set(version, (counts.get(version) ?? 0) + 1);
  const versions = [...counts.keys()];
  const carried = versions.filter(
    (version) => (counts.get(version) ?? 0) * 100 > able.length * quorumPercent,
  );
  if (carried.length > 0) return highest(carried);
  const most = Math.max(...counts.values());
  return highest(versions.filter((version) => counts.get(version) === most));
}

/**
 * Computes which backends may serve a model, per version and for calls without one. Drained and unhealthy backends are
 * left out. Terminating ones stand only where there is no other. In all lists but `knowing`, recovering backends stand
 * only where there is none of both, and ejected, warming or loading ones are left out while at least `panicPercent` of
 * the candidates remain.
 */
export function routesOf<B>(standings: readonly BackendModelState<B>[], options: RoutingOptions): Routes<B> {
  const open = standings.filter(({ drained, healthy, recovering }) => !drained && (healthy || recovering));
  const having = open.map(read).filter(({ available }) => available.length > 0);
  const able = steadiest(having);
  const defaultVersion = defaultOf(able, options.quorumPercent);
  const unversioned = able.filter((standing) => standing.highest === defaultVersion);
  const withVersion = new Map<bigint, Set<Read<B>>>();
  for (const standing of having) {
    for (const version of standing.available) {
      const others = withVersion.get(version);
      if (others === undefined) withVersion.set(version, new Set([standing]));
      else others.add(standing);
    }
  }
  const versions = new Map<bigint, readonly B[]>();
  for (const [version, those] of withVersion) {
    const withIt = [...those];
    versions.set(version, preferred(steadiest(withIt), options.panicPercent));
  }
  const withText = new Map<string, Read<B>[]>();
  for (const standing of able) {
    for (const text of standing.texts ?? []) {
      const others = withText.get(text);
      if (others === undefined) withText.set(text, [standing]);
      else others.push(standing);
    }
  }
  const { panicPercent } = options;
  return {
    texts: new Map([...withText].map(([text, those]) => [text, preferred(those, panicPercent)])),
    unlisted: preferred(
      able.filter(({ texts }) => texts?.length === 0),
      panicPercent,
    ),
    defaultVersion,
    // the newest everywhere is another one when each server keeps versions that the others lack
    unversioned: preferred(unversioned.length > 0 ? unversioned : able, options.panicPercent),
    versions,
    knowing: staying(open.filter(({ versions: known }) => known !== undefined)).map(({ backend }) => backend),
  };
}

/** The version is on its way somewhere: who asks for it should wait, and not be told that there is none. */
export function isVersionComing(standings: readonly BackendModelState<unknown>[], version: bigint): boolean {
  return standings.some(({ versions }) =>
    (versions ?? []).some((state) => state.version === version && isComing(state)),
  );
}

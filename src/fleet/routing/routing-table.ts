/** For each model the pickers of now: read by every call, built anew when health, ejection or the members change. */
import type { Target } from '../../call/index.ts';
import type { Backend } from '../backend.ts';
import { type OutlierDetector, withoutEjected } from '../balance/outlier-detector.ts';
import { type Picker, pickerOf, type Policy } from '../balance/picker.ts';
import type { Replica } from '../balance/replica.ts';
import {
  type BackendModelState,
  type Routes,
  routesOf,
  type RoutingOptions,
  staying,
} from '../balance/routing.ts';

export interface ModelRoutes extends Routes<Replica<Backend>> {
  readonly standings: readonly BackendModelState<Replica<Backend>>[];
  readonly pickUnversioned: Picker<Replica<Backend>>;
  readonly pickVersion: ReadonlyMap<bigint, Picker<Replica<Backend>>>;
  readonly pickText: ReadonlyMap<string, Picker<Replica<Backend>>>;
  /** Undefined when there are none. */
  readonly pickUnlisted: Picker<Replica<Backend>> | undefined;
  readonly pickKnowing: Picker<Replica<Backend>>;
}

/** Who may answer for a target; undefined when nobody is known to. */
export function ableOf(
  { unversioned, versions, texts, unlisted }: ModelRoutes,
  { version, label }: Target,
): readonly Replica<Backend>[] | undefined {
  if (version === undefined && label === undefined) return unversioned;
  const listed = version === undefined ? texts.get(label as string) : versions.get(version);
  // a number that is listed may stand for one that is not named, and others may have it by its name
  if (version !== undefined && listed !== undefined && unlisted.length > 0)
    return [...new Set([...listed, ...unlisted])];
  return listed ?? (unlisted.length > 0 ? unlisted : version === undefined ? unversioned : undefined);
}

/** Routes of a model that no backend has: every list is empty, and each picker picks undefined. */
export function emptyRoutes(): ModelRoutes {
  const none = pickerOf<Replica<Backend>>((candidates) => ({ pick: () => candidates[0] }), []);
  return {
    ...routesOf<Replica<Backend>>([], { quorumPercent: 0, panicPercent: 0 }),
    standings: [],
    pickUnversioned: none,
    pickVersion: new Map(),
    pickText: new Map(),
    pickUnlisted: undefined,
    pickKnowing: none,
  };
}

export interface RoutingTableDeps {
  readonly members: () => readonly Backend[];
  readonly outliers: OutlierDetector;
  /** The model just came up there, and no call shall be the first. */
  readonly isWarming: (backend: Backend, model: string) => boolean;
}

/**
 * Prebuilt pickers per model, and `pickUp` over the backends for calls without a model. A call only reads them;
 * `rebuild()` and `rebuildAll()` replace them, and resolve what `nextChange()` has returned.
 */
export class RoutingTable {
  readonly #deps: RoutingTableDeps;
  readonly #models = new Map<string, ModelRoutes>();
  #policy: Policy;
  #options: RoutingOptions;
  /** Backends that are up, for calls of no model and for models that nobody looked for. */
  pickUp: Picker<Replica<Backend>>;
  /** Those among whom it picks. */
  up: readonly Replica<Backend>[] = [];
  #waiting = new Set<() => void>();

  constructor(policy: Policy, options: RoutingOptions, deps: RoutingTableDeps) {
    this.#policy = policy;
    this.#options = options;
    this.#deps = deps;
    this.pickUp = pickerOf(policy, []);
  }

  get(model: string): ModelRoutes | undefined {
    return this.#models.get(model);
  }

  forget(model: string): void {
    this.#models.delete(model);
  }

  /** Builds everything anew, with another policy perhaps. */
  rebuildAll(policy = this.#policy, options = this.#options): void {
    this.#policy = policy;
    this.#options = options;
    for (const model of this.#models.keys()) this.#models.set(model, this.build(model));
    this.#rebuildUp();
    this.#wake();
  }

  /** Builds what depends on one model; an empty one stands for the backends as a whole. */
  rebuild(model: string): void {
    if (model !== '') this.#models.set(model, this.build(model));
    else this.#rebuildUp();
    this.#wake();
  }

  /** Resolves at the next change, or when the time is up. */
  nextChange(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs).unref();
      this.#waiting.add(done);
    });
  }

  build(model: string): ModelRoutes {
    const standings = this.#deps.members().map((backend) => this.#standing(backend, model));
    assumeLatencies(standings.map(({ backend }) => backend));
    const routes = routesOf(standings, this.#options);
    return {
      ...routes,
      standings,
      pickUnversioned: pickerOf(this.#policy, routes.unversioned),
      pickVersion: new Map(
        [...routes.versions].map(([version, replicas]) => [version, pickerOf(this.#policy, replicas)]),
      ),
      pickText: new Map(
        [...routes.texts].map(([text, replicas]) => [text, pickerOf(this.#policy, replicas)]),
      ),
      pickUnlisted: routes.unlisted.length === 0 ? undefined : pickerOf(this.#policy, routes.unlisted),
      pickKnowing: pickerOf(this.#policy, routes.knowing),
    };
  }

  #standing(backend: Backend, model: string): BackendModelState<Replica<Backend>> {
    const { health, drained, terminating, name } = backend;
    return {
      backend: backend.replica(model),
      healthy: health.isHealthy,
      recovering: health.isRecovering,
      drained,
      terminating,
      versions: health.versions(model),
      texts: health.versionTexts(model),
      ejected: this.#deps.outliers.isEjected(name, model),
      warming: this.#deps.isWarming(backend, model),
    };
  }

  #rebuildUp(): void {
    const open = this.#deps.members().filter(({ drained }) => !drained);
    const up = open.filter(({ health }) => health.isHealthy);
    const able = staying(up.length > 0 ? up : open.filter(({ health }) => health.isRecovering));
    const isEjected = ({ name }: Backend): boolean => this.#deps.outliers.isEjected(name, '');
    const kept = withoutEjected(able, isEjected, this.#options.panicPercent);
    this.up = kept.map((backend) => backend.replica(''));
    this.pickUp = pickerOf(this.#policy, this.up);
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}

/** A replica that nobody has tried is taken to be as fast as the median of the others. */
function assumeLatencies(replicas: readonly Replica<Backend>[]): void {
  const known = replicas.map(({ latencyMs }) => latencyMs).filter((ms) => ms > 0);
  if (known.length === 0 || known.length === replicas.length) return;
  known.sort((a, b) => a - b);
  const median = known[Math.floor(known.length / 2)] as number;
  for (const replica of replicas) replica.assume(median);
}

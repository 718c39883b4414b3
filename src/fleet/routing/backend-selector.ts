/** Chooses the replica that a call goes to, and waits a moment for one where there may soon be one. */
import type { Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import { afterInput } from '../../base/timer-wheel.ts';
import { allMetadata, type Call, type Reply, statusOf } from '../../call/index.ts';
import type { BackendSet } from '../backend-set.ts';
import type { Backend } from '../backend.ts';
import type { Picker } from '../balance/picker.ts';
import type { Replica } from '../balance/replica.ts';
import { hashOf } from '../balance/ring.ts';
import { isVersionComing } from '../balance/routing.ts';
import type { WatchedModels } from '../health/watched-models.ts';
import type { FleetOptions } from '../options.ts';
import { whyNobody } from '../summary.ts';
import { hasCapacityAmong, hasCapacityFor, pickWithCapacity } from './capacity.ts';
import { ableOf, emptyRoutes, type ModelRoutes, type RoutingTable } from './routing-table.ts';

export type Chosen = Replica<Backend>;

export interface BackendSelectorDeps {
  readonly options: () => FleetOptions;
  readonly members: BackendSet;
  readonly table: RoutingTable;
  readonly watched: WatchedModels;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How long a call waits when nobody can answer, but a connection is just being made, in ms. */
const reconnectWaitMs = 500;

/** How long a call waits for what other backends say of a model that one has, in ms. */
const learnMoreMs = 200;

/** Methods that ask for a model's state, whatever it is. */
const stateMethods: ReadonlySet<string> = new Set(['GetModelStatus', 'ModelReady']);

/** A model that nobody has. */
const nobody: ModelRoutes = emptyRoutes();

/**
 * Selects a backend for a call by its model, version or label and the fleet's balancing policy. A model that nobody
 * asked for before is probed at all backends that are up; without one, a call waits up to 500 ms for a reconnection.
 */
export class BackendSelector {
  readonly #deps: BackendSelectorDeps;

  constructor(deps: BackendSelectorDeps) {
    this.#deps = deps;
  }

  /** The routes of the call's model, found out first when nobody asked for it before; undefined without a model. */
  routesOf({ target, cancellation }: Call): ModelRoutes | undefined | Promise<ModelRoutes> {
    if (target === undefined) return undefined;
    const { table, watched } = this.#deps;
    const { model } = target;
    const routes = table.get(model);
    if (routes === undefined) return this.#learn(model, cancellation);
    return watched.isLookingFor(model) ? this.#learnMore(model, cancellation) : routes;
  }

  /** @throws StatusError UNAVAILABLE when nobody can answer, not even in a moment */
  choose(call: Call, routes: ModelRoutes | undefined): Chosen | Promise<Chosen> {
    return this.#pick(call, routes) ?? this.chooseLater(call);
  }

  /**
   * Nobody can answer now; where a connection was lost a moment ago, one may be there in another moment.
   * @throws StatusError UNAVAILABLE when it is not
   */
  async chooseLater(call: Call): Promise<Chosen> {
    const { clock, members, table, options } = this.#deps;
    const untilMs = Math.min(clock() + reconnectWaitMs, call.deadline);
    for (;;) {
      const leftMs = untilMs - clock();
      const hope = members.list.some(
        ({ health }) => health.state === 'reconnecting' || health.state === 'unknown',
      );
      if (!hope || call.avoidStrictly === true || leftMs <= 0 || call.cancellation.reason !== undefined)
        break;
      await table.nextChange(leftMs);
      const { target } = call;
      const replica = this.#pick(call, target === undefined ? undefined : table.get(target.model));
      if (replica !== undefined) return replica;
    }
    const { name } = options();
    throw new StatusError(Code.UNAVAILABLE, whyNobody(name, call.target, members.list), {
      where: `fleet ${name}`,
      disposition: 'not-started',
    });
  }

  hasCapacity({ target, method }: Call): boolean {
    const { table } = this.#deps;
    if (target !== undefined) return hasCapacityFor(target, table.get(target.model), method.streaming);
    // of no model: one of those among whom is picked for such calls
    return hasCapacityAmong(table.up, method.streaming);
  }

  /** A backend that had the model a moment ago says that it is not there, and another one can be asked. */
  isStale({ kind, request, target }: Call, { body }: Reply, replica: Chosen): boolean {
    if (kind !== 'unary' || target === undefined || !body.ended || body.bytes > 0) return false;
    if (statusOf(body.trailers) !== Code.NOT_FOUND || !request.retains) return false;
    const routes = this.#deps.table.get(target.model);
    const able = routes && ableOf(routes, target);
    // another call may have found it out meanwhile, so that this one is not among them any more
    return able !== undefined && able.some((other) => other !== replica);
  }

  #pick(call: Call, routes: ModelRoutes | undefined): Chosen | undefined {
    const { random, table, members } = this.#deps;
    const picker = routes === undefined ? table.pickUp : this.#pickerFor(call, routes);
    const request = { random, avoid: call.avoid, hash: this.#hashOf(call) };
    // a hedge is worth no more than what fits
    const picked = pickWithCapacity(
      picker,
      request,
      members.list,
      call.avoidStrictly === true,
      call.method.streaming,
    );
    const refused =
      picked !== undefined && call.avoidStrictly === true && call.avoid?.includes(picked.name) === true;
    return refused ? undefined : picked;
  }

  #pickerFor(call: Call, routes: ModelRoutes): Picker<Chosen> | undefined {
    const { target } = call;
    const version = target?.version;
    if (routes.knowing.length === 0) return this.#deps.table.pickUp;
    // a question about the state is answered by whoever has the model, in whatever state it is
    if (
      stateMethods.has(call.method.name) &&
      target?.label === undefined &&
      (version === undefined || !routes.pickVersion.has(version))
    )
      return routes.unversioned.length > 0 ? routes.pickUnversioned : routes.pickKnowing;
    if (version === undefined) {
      const label = target?.label;
      if (label === undefined) return routes.pickUnversioned;
      return routes.pickText.get(label) ?? routes.pickUnlisted ?? routes.pickUnversioned;
    }
    const withVersion = routes.pickVersion.get(version);
    if (withVersion !== undefined) return withVersion;
    // nobody has it: a backend says so in its own words, unless it is about to come
    if (isVersionComing(routes.standings, version)) return undefined;
    return routes.pickUnlisted ?? routes.pickKnowing;
  }

  #hashOf(call: Call): number | undefined {
    const { policy, hashOn } = this.#deps.options().balance;
    if (policy !== 'ring-hash') return undefined;
    const text = hashOn === 'model' ? call.target?.model : allMetadata(call.metadata, hashOn);
    return text === undefined ? undefined : hashOf(text);
  }

  /**
   * Some backend has it, and others have not spoken: they may have another version, which most have. A backend that is
   * silent is not waited for long.
   */
  async #learnMore(model: string, cancellation: Call['cancellation']): Promise<ModelRoutes> {
    let disarm = (): void => undefined;
    const enough = new Promise<void>((resolve) => {
      disarm = afterInput(learnMoreMs, resolve);
    });
    await Promise.race([enough, this.#learn(model, cancellation)]).finally(disarm);
    return this.#deps.table.get(model) ?? nobody;
  }

  /** A model that nobody asked for before: look at it everywhere once, and keep watching if anybody has it. */
  async #learn(model: string, cancellation: Call['cancellation']): Promise<ModelRoutes> {
    const { members, watched, options, table } = this.#deps;
    const look = async (): Promise<boolean> => {
      const up = members.list.filter(({ health }) => health.isHealthy);
      await Promise.all(up.map(({ prober }) => prober.look(model)));
      return members.list.some(({ health }) => health.versions(model) !== undefined);
    };
    if (options().health.check === 'model') await watched.learn(model, look, cancellation);
    return table.get(model) ?? nobody;
  }
}

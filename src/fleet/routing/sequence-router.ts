/** Sends the calls of a sequence to the one backend that holds its state, and says so when that backend is gone. */
import { Code, StatusError } from '../../base/status.ts';
import type { Call, Reply } from '../../call/index.ts';
import type { BackendSet } from '../backend-set.ts';
import type { Backend } from '../backend.ts';
import type { Replica } from '../balance/replica.ts';
import { hashOf } from '../balance/ring.ts';
import { ableOf, type RoutingTable } from './routing-table.ts';
import type { Sequences } from './sequences.ts';

export interface SequenceRouterDeps {
  readonly members: BackendSet;
  readonly table: RoutingTable;
  readonly pins: Sequences<Backend>;
  /** Waits for anybody who can answer a call; throws when nobody can. */
  readonly whenAble: (call: Call) => Promise<unknown>;
}

/** How long a call waits while the connection to its backend is made again, in ms. */
const reconnectWaitMs = 500;
/** Backends that may refuse a sequence that starts, before the call is given up. */
const maxRefusals = 3;

/**
 * Its own error, which no retry can mend: ABORTED asks a client to start over at a higher level (statuscodes.md), here
 * with a new sequence.
 */
function lost(call: Call, backend: string, why: string): StatusError {
  return new StatusError(
    Code.ABORTED,
    `sequence ${call.sequence?.id ?? ''} is lost with its backend ${backend} (${why}); start a new one`,
    { where: backend },
  );
}

/**
 * Session affinity of stateful sequences: the first call goes by consistent hashing of model and sequence id, later
 * ones to the backend that has the state. `send()` rejects with ABORTED when that backend or its state is lost, and
 * with UNAVAILABLE when no backend can take a new sequence.
 */
export class SequenceRouter {
  readonly #deps: SequenceRouterDeps;

  constructor(deps: SequenceRouterDeps) {
    this.#deps = deps;
  }

  async send(call: Call): Promise<Reply> {
    const { pins } = this.#deps;
    const key = `${call.target?.model ?? ''}\0${call.sequence?.id ?? ''}`;
    const pinned = pins.find(key);
    const replica =
      pinned === undefined ? await this.#byRing(call, key) : await this.#byPin(call, pinned, key);
    call.onPicked?.(replica.name);
    pins.keep(key, replica.host);
    try {
      const reply = await replica.host.send(call, replica);
      if (call.sequence?.ends === true) pins.end(key);
      return reply;
    } catch (reason) {
      const error = StatusError.from(reason);
      // what the backend says, and what the client wants, says nothing about the state
      if (error.fromBackend || error.code === Code.CANCELLED || error.code === Code.DEADLINE_EXCEEDED)
        throw error;
      pins.end(key);
      const { avoid = [] } = call;
      // there is no state yet, and nothing was begun: this is no second attempt for any backend
      if (call.sequence?.starts === true && error.disposition === 'not-started' && avoid.length < maxRefusals)
        return this.send({ ...call, avoid: [...avoid, replica.name] });
      throw lost(call, replica.name, error.message);
    }
  }

  /** The first member on the ring that can answer: the same one in every gateway that sees the same fleet. */
  async #byRing(call: Call, key: string): Promise<Replica<Backend>> {
    const { members, table, whenAble } = this.#deps;
    const { target } = call;
    for (;;) {
      const routes = table.get(target?.model ?? '');
      const all = (target && routes && ableOf(routes, target)) ?? [];
      const able = all.filter((replica) => call.avoid?.includes(replica.name) !== true);
      if (all.length > 0 && able.length === 0) throw lost(call, all[0]?.name ?? '', 'it refuses calls');
      const name = members.ring().find(hashOf(key), (each) => able.some((replica) => replica.name === each));
      const found = able.find((replica) => replica.name === name);
      if (found !== undefined) return found;
      await whenAble(call);
    }
  }

  async #byPin(call: Call, backend: Backend, key: string): Promise<Replica<Backend>> {
    const { members, table, pins } = this.#deps;
    const model = call.target?.model ?? '';
    const isThere = (): boolean =>
      members.list.includes(backend) && isAvailable(backend, model, call.target?.version);
    if (!isThere() && backend.health.state === 'reconnecting') await table.nextChange(reconnectWaitMs);
    if (isThere()) return backend.replica(model);
    pins.end(key);
    const why = backend.health.isHealthy ? 'it does not serve the model any more' : backend.health.reason;
    throw lost(call, backend.name, why);
  }
}

/** For any of its versions when none is given. */
function isAvailable({ health }: Backend, model: string, version: bigint | undefined): boolean {
  return (
    health.isHealthy &&
    (health.versions(model) ?? []).some(
      (state) => state.state === 'AVAILABLE' && (version === undefined || state.version === version),
    )
  );
}

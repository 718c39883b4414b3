/**
 * Calls that wait, by client: whoever holds fewer places is next, of equals each in its turn, and each client's own
 * by arrival; pure.
 */
import type { Client } from '../client.ts';
import { Fifo } from './fifo.ts';

/** How many places clients hold, as far as anybody counts. */
export interface HeldPlaces {
  ofAddress(address: string): number;
  ofConnection(connection: string): number;
}

interface Group<T> {
  size: number;
  /** In the order of their turns. */
  readonly connections: Map<string, Fifo<T>>;
}

/**
 * Fair queue over clients: first() is a call of the client that holds the fewest places, in turn among equals,
 * FIFO within one client.
 */
export class FairLine<T> {
  readonly #held: HeldPlaces;
  /** In the order of their turns; nobody is in it of whom nothing waits. */
  readonly #groups = new Map<string, Group<T>>();
  size = 0;

  constructor(held: HeldPlaces) {
    this.#held = held;
  }

  add(item: T, { address, connection }: Client): void {
    let group = this.#groups.get(address);
    if (group === undefined) this.#groups.set(address, (group = { size: 0, connections: new Map() }));
    let line = group.connections.get(connection);
    if (line === undefined) group.connections.set(connection, (line = new Fifo<T>()));
    line.add(item);
    group.size++;
    this.size++;
  }

  /** Who is next; stays in the line. */
  first(): T | undefined {
    return this.#next()?.line.first();
  }

  /** Takes out who is next; the others of the same client are behind everybody now. */
  shift(): T | undefined {
    const next = this.#next();
    if (next === undefined) return undefined;
    const { address, group, connection, line } = next;
    const item = line.shift();
    this.#removed({ address, connection }, group, line);
    if (this.#groups.delete(address) && group.size > 0) this.#groups.set(address, group);
    if (group.connections.delete(connection) && line.size > 0) group.connections.set(connection, line);
    return item;
  }

  /** False when it is not there. */
  delete(item: T, client: Client): boolean {
    const group = this.#groups.get(client.address);
    const line = group?.connections.get(client.connection);
    if (group === undefined || line === undefined || !line.delete(item)) return false;
    this.#removed(client, group, line);
    return true;
  }

  #removed({ address, connection }: Client, group: Group<T>, line: Fifo<T>): void {
    this.size--;
    group.size--;
    if (line.size === 0) group.connections.delete(connection);
    if (group.size === 0) this.#groups.delete(address);
  }

  /** Takes out the newest of whoever has most in the line. */
  pop(): T | undefined {
    const most = this.#most();
    const last = most?.line.last();
    if (most !== undefined && last !== undefined) this.delete(last, most);
    return last;
  }

  /** Whether somebody would have more in the line than a newcomer of this client, even after giving one up for it. */
  isOutweighed({ address, connection }: Client): boolean {
    const most = this.#most();
    if (most === undefined) return false;
    const own = this.#groups.get(address);
    if (most.address !== address) return most.group.size >= (own?.size ?? 0) + 2;
    return most.line.size >= (own?.connections.get(connection)?.size ?? 0) + 2;
  }

  /** How many would be served before a newcomer of this client, if all held as many places as they do now. */
  ahead({ address, connection }: Client): number {
    const own = this.#groups.get(address);
    const turns = (own?.size ?? 0) + 1;
    let ahead = 0;
    for (const group of this.#groups.values()) if (group !== own) ahead += Math.min(group.size, turns);
    if (own === undefined) return ahead;
    const line = own.connections.get(connection);
    const ownTurns = (line?.size ?? 0) + 1;
    for (const { size } of own.connections.values()) ahead += Math.min(size, ownTurns);
    return ahead;
  }

  #next():
    | {
        readonly address: string;
        readonly group: Group<T>;
        readonly connection: string;
        readonly line: Fifo<T>;
      }
    | undefined {
    const found = least(this.#groups, (key) => this.#held.ofAddress(key));
    if (found === undefined) return undefined;
    const [address, group] = found;
    const inner = least(group.connections, (key) => this.#held.ofConnection(key));
    if (inner === undefined) return undefined;
    return { address, group, connection: inner[0], line: inner[1] };
  }

  #most():
    | {
        readonly address: string;
        readonly group: Group<T>;
        readonly connection: string;
        readonly line: Fifo<T>;
      }
    | undefined {
    const found = least(this.#groups, (_key, { size }) => -size);
    if (found === undefined) return undefined;
    const [address, group] = found;
    const inner = least(group.connections, (_key, { size }) => -size);
    if (inner === undefined) return undefined;
    return { address, group, connection: inner[0], line: inner[1] };
  }
}

/** The entry with the least weight, the first of equals. */
function least<V>(
  map: ReadonlyMap<string, V>,
  weightOf: (key: string, value: V) => number,
): [string, V] | undefined {
  let best: [string, V] | undefined;
  let weight = Number.POSITIVE_INFINITY;
  for (const entry of map) {
    // alone: nothing to compare
    if (map.size === 1) return entry;
    const own = weightOf(entry[0], entry[1]);
    if (own >= weight) continue;
    best = entry;
    weight = own;
  }
  return best;
}

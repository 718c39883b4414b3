/**
 * Redis as whoever keeps something in it sees it: commands by the key that they are about, wherever that is. Behind
 * it are one server, the primary that Sentinels name, or the nodes of a cluster, each with a link of its own: a node
 * that is gone takes its own keys along and no others. A server that says it is a node of a cluster is taken for one.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import { detach, guarded } from '../../base/faults.ts';
import { parseRedisUrl, type RedisAddress, type RedisServers } from '../../base/redis-url.ts';
import { codeOf, type Meaning, meaningOf } from './error-replies.ts';
import { type LinkTimes, RedisLink, type RedisLinkDeps } from './link.ts';
import { primaryBy } from './sentinels.ts';
import { maxNodes, nameOf, slotCount, slotOf, type Slots, slotsIn } from './slots.ts';

export interface RedisKeysOptions extends LinkTimes {
  /** As in a configuration: redis://, redis-cluster:// or redis-sentinel://. */
  readonly url: string;
  /** Overrides the one in the URL. */
  readonly password?: string;
  /** Certificate authority (PEM) for TLS; without one, Node's list. */
  readonly ca?: string;
}

export interface RedisKeysDeps extends Pick<RedisLinkDeps, 'log' | 'says' | 'prepare'> {
  readonly clock: Clock;
  /** What it is for: "the response cache". */
  readonly purpose: string;
}

/**
 * How often the nodes of a cluster are asked who has which slot, while one of them is gone or has sent somebody
 * elsewhere, in ms.
 */
const lookAgainMs = 500;
/** An error reply of one kind is told once in so long, in ms. */
const sayEveryMs = 3_600_000;
/** Of what Redis says, in characters. */
const maxReason = 200;
/** Kinds of error replies that are told; scripts can make up their own. */
const maxKinds = 50;

type Command<T> = (client: Redis) => Promise<T>;

/**
 * Sends commands to the Redis server that holds a key: one server, one found by Sentinel, or the nodes of a
 * cluster. The constructor throws Error for an invalid URL.
 */
export class RedisKeys {
  readonly #options: RedisKeysOptions;
  readonly #deps: RedisKeysDeps;
  readonly #servers: RedisServers;
  /** To where the address leads: the one server, or a node of a cluster that knows the others. */
  readonly #first: RedisLink;
  #nextSeed = 0;
  #saidCluster = false;
  /** Known once it is a cluster. */
  #slots: Slots | undefined;
  /** Of a cluster, by "host:port". */
  readonly #nodes = new Map<string, RedisLink>();
  #looking = false;
  #lookTimer: NodeJS.Timeout | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  readonly #saidMs = new Map<string, number>();
  #closed = false;

  constructor(options: RedisKeysOptions, deps: RedisKeysDeps) {
    const servers = parseRedisUrl(options.url);
    if (typeof servers === 'string') throw new Error(`the address ${servers}`);
    this.#options = options;
    this.#deps = deps;
    this.#servers = servers;
    const { says } = deps;
    // once its nodes are known, each speaks for itself
    const isCluster = (): boolean => this.#slots !== undefined;
    this.#first = this.#link(() => this.#find(), servers.kind === 'sentinel', {
      get down() {
        return isCluster() ? undefined : says.down;
      },
      get back() {
        return isCluster() ? undefined : says.back;
      },
    });
  }

  /** Some of it can be asked. */
  get up(): boolean {
    return this.#slots === undefined ? this.#first.up : [...this.#nodes.values()].some(({ up }) => up);
  }

  /** Who has the key can be asked. */
  upFor(key: string): boolean {
    return this.#linkFor(key)?.up === true;
  }

  /**
   * A command's result; undefined when there is none within patienceMs, or who has the key is or goes down. Rejects
   * as the command does.
   * @param key of the command; where it has several, they share a slot
   */
  async ask<T>(key: string, command: Command<T>, patienceMs?: number): Promise<T | undefined> {
    const link = this.#linkFor(key);
    const { client } = link ?? {};
    if (link === undefined || client === undefined) return undefined;
    try {
      return await link.ask(command, patienceMs);
    } catch (error) {
      const other = this.#met(error, link, client);
      return other?.client === undefined
        ? rethrow(error)
        : other.ask(this.#again(error, command), patienceMs);
    }
  }

  /** The same for a command that nobody waits for. */
  async tell<T>(key: string, command: Command<T>): Promise<T | undefined> {
    const link = this.#linkFor(key);
    const { client } = link ?? {};
    if (link === undefined || client === undefined) return undefined;
    try {
      return await command(client);
    } catch (error) {
      const other = this.#met(error, link, client)?.client;
      return other === undefined ? rethrow(error) : this.#again(error, command)(other);
    }
  }

  /** @param graceful commands under way are answered first */
  close(graceful = false): void {
    this.#closed = true;
    clearTimeout(this.#lookTimer);
    this.#first.close(graceful);
    for (const node of this.#nodes.values()) node.close(graceful);
  }

  // --- one server ---

  #link(find: () => Promise<RedisAddress>, moves: boolean, says: RedisLinkDeps['says']): RedisLink {
    const { username, password, tls, db, family } = this.#servers;
    const { log, prepare } = this.#deps;
    return new RedisLink({
      ...this.#options,
      username,
      password: this.#options.password ?? password,
      tls,
      db,
      family,
      find,
      moves,
      log,
      says,
      prepare,
      onUp: () => {
        if (this.#servers.kind === 'cluster' && this.#slots === undefined) this.#lookSoon();
      },
      onDown: () => {
        if (this.#slots !== undefined) this.#lookSoon();
      },
    });
  }

  async #find(): Promise<RedisAddress> {
    const { kind, addresses, master, sentinelUsername, sentinelPassword, tls, family } = this.#servers;
    const { connectTimeoutMs, ca } = this.#options;
    if (kind === 'sentinel') {
      const asWhom = { username: sentinelUsername, password: sentinelPassword };
      return primaryBy(addresses, master, { ...asWhom, tls, ca, family, connectTimeoutMs });
    }
    return addresses[this.#nextSeed++ % addresses.length] as RedisAddress;
  }

  // --- a cluster ---

  #linkFor(key: string): RedisLink | undefined {
    if (this.#slots === undefined) return this.#first;
    const node = this.#slots[slotOf(key)];
    return node === undefined ? undefined : this.#node(node);
  }

  #node(address: RedisAddress): RedisLink {
    const name = nameOf(address);
    let link = this.#nodes.get(name);
    if (link === undefined) {
      const { purpose } = this.#deps;
      const says = {
        down: `a node of the Redis of ${purpose} is down: ${name}`,
        back: `a node of the Redis of ${purpose} is back: ${name}`,
      };
      link = this.#link(() => Promise.resolve(address), false, says);
      this.#nodes.set(name, link);
    }
    return link;
  }

  /** Asks anybody who is up for the slots, now or when the last question is long enough ago. */
  #lookSoon(): void {
    if (this.#closed || this.#looking || this.#lookTimer !== undefined) return;
    const inMs = Math.max(0, this.#lookedMs + lookAgainMs - this.#deps.clock());
    this.#lookTimer = setTimeout(
      guarded('redis', () => {
        this.#lookTimer = undefined;
        detach('redis', this.#look());
      }),
      inMs,
    ).unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#lookedMs = this.#deps.clock();
    const links = [...this.#nodes.values(), this.#first];
    const found = links.some(({ up }) => up) ? await this.#slotsBy(links) : undefined;
    this.#looking = false;
    if (this.#closed) return;
    if (found !== undefined) this.#take(found);
    const isWhole = this.#slots?.every((node) => node === undefined || this.#node(node).up) ?? true;
    if (!isWhole) this.#lookSoon();
  }

  async #slotsBy(links: readonly RedisLink[]): Promise<Slots | undefined> {
    for (const link of links) {
      const { address } = link;
      if (!link.up || address === undefined) continue;
      const answer = await link
        .ask((client) => client.call('CLUSTER', 'SLOTS'))
        .catch((): undefined => undefined);
      const slots = slotsIn(answer, address);
      if (slots !== undefined) return slots;
    }
    return undefined;
  }

  #take(slots: Slots): void {
    this.#slots = slots;
    const names = new Set<string>();
    for (const node of new Set(slots)) {
      if (node === undefined) continue;
      names.add(nameOf(node));
      this.#node(node);
    }
    for (const [name, link] of this.#nodes) {
      if (names.has(name)) continue;
      link.close();
      this.#nodes.delete(name);
    }
  }

  // --- error replies ---

  /** Does what an error reply asks for. @returns who is to be asked in its place, if somebody is */
  #met(error: unknown, link: RedisLink, client: Redis): RedisLink | undefined {
    const meaning = meaningOf(error);
    if (meaning === undefined) return undefined;
    const reason = (error as Error).message.slice(0, maxReason);
    switch (meaning.kind) {
      case 'moved':
      case 'ask':
        return this.#sentTo(meaning, link);
      case 'replica':
        // a cluster's replica sends away, and one that was a primary a moment ago says who is
        link.lost(client, reason, true);
        return undefined;
      case 'not ready':
        link.lost(client, reason, false);
        return undefined;
      case 'cluster down':
        this.#lookSoon();
        break;
      case 'no writes':
      case 'refused':
    }
    this.#say(error as Error, reason);
    return undefined;
  }

  #sentTo(meaning: Meaning & { kind: 'moved' | 'ask' }, from: RedisLink): RedisLink | undefined {
    const { host, port, slot, kind } = meaning;
    const address = { host: host === '' ? (from.address?.host ?? '') : host, port };
    this.#lookSoon();
    if (this.#slots === undefined) {
      if (!this.#saidCluster)
        this.#deps.log.info(
          {},
          `the Redis of ${this.#deps.purpose} is a node of a cluster: the others are asked for, too`,
        );
      this.#saidCluster = true;
      return undefined;
    }
    if (this.#nodes.size >= maxNodes) return undefined;
    if (kind === 'moved' && slot < slotCount) this.#slots[slot] = address;
    return this.#node(address);
  }

  /** A command for the node that an error reply names; a slot that is on its way there is asked for with ASKING. */
  #again<T>(error: unknown, command: Command<T>): Command<T> {
    if (meaningOf(error)?.kind !== 'ask') return command;
    return async (client) => {
      const [, answer] = await Promise.all([client.call('ASKING'), command(client)]);
      return answer;
    };
  }

  #say(error: Error, reason: string): void {
    const code = codeOf(error);
    const nowMs = this.#deps.clock();
    const saidMs = this.#saidMs.get(code);
    if (saidMs !== undefined ? nowMs - saidMs < sayEveryMs : this.#saidMs.size >= maxKinds) return;
    this.#saidMs.set(code, nowMs);
    this.#deps.log.warn({ reason }, `the Redis of ${this.#deps.purpose} refuses a command`);
  }
}

function rethrow(error: unknown): never {
  throw error;
}

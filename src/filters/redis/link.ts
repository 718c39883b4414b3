/**
 * A connection to one Redis that may be slow, full, wrong, stopped, replaced or gone without anybody waiting for it.
 *
 * The link is up or down. Up: each command has a time-out; the first that is missed, or a lost connection, takes the
 * link down, and every command under way is given up at once. Down: no command is sent. A connection of its own is
 * tried in the background, and only one that has answered a PING brings the link up again, so no call ever pays for
 * trying.
 */
import { Redis } from 'ioredis';
import { detach, guarded } from '../../base/faults.ts';
import type { Log } from '../../base/log.ts';
import type { RedisAddress } from '../../base/redis-url.ts';
import { type Credentials, ownOptions } from './own-options.ts';

export interface LinkTimes {
  /** A command without an answer for so long takes the link down. */
  readonly timeoutMs: number;
  /** For a connection and its first PING. */
  readonly connectTimeoutMs: number;
  /** After a missed time-out the link stays down so long; a lost connection is tried again sooner. */
  readonly breakerMs: number;
}

export interface RedisLinkDeps extends Credentials, LinkTimes {
  /** Where the server is now; asked before each connection. */
  readonly find: () => Promise<RedisAddress>;
  /** It may be elsewhere by the next try: the breaker is no longer than a lost connection's pause. */
  readonly moves: boolean;
  readonly log: Log;
  /** For the log, once for an outage; undefined: nothing. */
  readonly says: { readonly down: string | undefined; readonly back: string | undefined };
  /** Readies each new connection before its first command. */
  readonly prepare?: ((client: Redis) => void) | undefined;
  readonly onUp?: () => void;
  readonly onDown?: () => void;
}

/**
 * First pause before a lost connection is tried again; it doubles up to the second one, or breakerMs when that is
 * less. In ms.
 */
const firstRetryMs = 50;
const lastRetryMs = 500;

/**
 * Connection to one Redis server that reconnects by itself; a command that exceeds `timeoutMs` opens its
 * circuit breaker: commands fail at once until the pause is over.
 */
export class RedisLink {
  readonly #deps: RedisLinkDeps;
  /** The connection in use or being tried. */
  #client: Redis | undefined;
  #address: RedisAddress | undefined;
  #up = false;
  #closed = false;
  /** Whether the log has the present outage. */
  #saidDown = false;
  /** It was a replica when it was last asked for a write: it must say that it is none. */
  #doubted = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | undefined;
  /** What ends each command under way when the link goes down. */
  readonly #waiting = new Set<() => void>();

  constructor(deps: RedisLinkDeps) {
    this.#deps = deps;
    this.#connect();
  }

  /** Where it was last connected to. */
  get address(): RedisAddress | undefined {
    return this.#address;
  }

  get up(): boolean {
    return this.#up;
  }

  /** The connection, for commands that nobody waits for; undefined while the link is down. */
  get client(): Redis | undefined {
    return this.#up ? this.#client : undefined;
  }

  /**
   * A command's result; undefined when there is none within patienceMs, or the link is or goes down. Rejects as the
   * command does.
   * @param patienceMs how long the caller waits; less than the link's own time-out does not blame Redis yet
   */
  ask<T>(command: (client: Redis) => Promise<T>, patienceMs = this.#deps.timeoutMs): Promise<T | undefined> {
    const client = this.client;
    if (client === undefined) return Promise.resolve(undefined);
    const { timeoutMs } = this.#deps;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout;
      const giveUp = (): void => {
        clearTimeout(timer);
        resolve(undefined);
      };
      const watch = (ms: number, missed: () => void): void => {
        timer = setTimeout(() => {
          // When this process was busy for so long, the answer lies in the socket: it is read before setImmediate.
          setImmediate(() => {
            if (this.#waiting.has(giveUp)) missed();
          });
        }, ms);
      };
      const tooLate = (): void => this.#down(client, `no answer in ${timeoutMs} ms`, true);
      if (patienceMs >= timeoutMs) watch(timeoutMs, tooLate);
      else
        watch(patienceMs, () => {
          resolve(undefined);
          watch(timeoutMs - patienceMs, tooLate);
        });
      this.#waiting.add(giveUp);
      const settled = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(giveUp);
      };
      command(client).then(
        (value) => {
          settled();
          resolve(value);
        },
        (error: Error) => {
          settled();
          reject(error);
        },
      );
    });
  }

  /** Takes no more commands. @param graceful those under way are answered first, as long as their time-outs let them */
  close(graceful = false): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.client;
    if (!graceful || client === undefined) {
      this.#discard();
      return;
    }
    this.#up = false;
    this.#timer = setTimeout(() => {
      this.#discard();
    }, this.#deps.timeoutMs);
    this.#timer.unref();
    // Redis answers in order, this one last, and the connection ends
    client.quit().catch(() => undefined);
  }

  /** What it answered shows that it is of no use now: the connection is left, and another one is tried soon. */
  lost(client: Redis, reason: string, isReplica: boolean): void {
    this.#doubted ||= isReplica;
    this.#down(client, reason, false);
  }

  #connect(): void {
    const { find, connectTimeoutMs } = this.#deps;
    let over = false;
    const giveUp = (reason: string): void => {
      if (over) return;
      over = true;
      clearTimeout(deadline);
      this.#pause(reason, false);
    };
    const deadline = setTimeout(
      guarded('redis', () => {
        giveUp(`no server was found in ${connectTimeoutMs} ms`);
      }),
      connectTimeoutMs,
    );
    const found = find().then(
      (address) => {
        if (over || this.#closed) return;
        over = true;
        clearTimeout(deadline);
        this.#dial(address);
      },
      (error: unknown) => {
        giveUp((error as Error).message);
      },
    );
    detach('redis', found);
  }

  #dial(address: RedisAddress): void {
    const { connectTimeoutMs, prepare } = this.#deps;
    const client = new Redis(ownOptions(address, this.#deps));
    prepare?.(client);
    this.#client = client;
    this.#address = address;
    let lastError = 'connection closed';
    client.on('error', (error: Error) => (lastError = error.message));
    client.on('close', () => this.#down(client, lastError, false));
    const deadline = setTimeout(
      () => this.#down(client, `no connection in ${connectTimeoutMs} ms`, false),
      connectTimeoutMs,
    );
    client
      .connect()
      .then(() => client.ping())
      .then(() => (this.#doubted ? roleOf(client) : 'master'))
      .then(
        (role) => {
          if (role === 'slave') this.#down(client, 'it is a replica, which takes no writes', false);
          else this.#isUp(client, role === 'master');
        },
        (error: Error) =>
          this.#down(client, lastError === 'connection closed' ? error.message : lastError, false),
      )
      .finally(() => clearTimeout(deadline))
      .catch(() => undefined);
  }

  /** @param sure it takes writes; else the next one tells, and the outage is not over before */
  #isUp(client: Redis, sure: boolean): void {
    if (client !== this.#client || this.#closed) return;
    this.#up = true;
    if (sure) {
      this.#doubted = false;
      this.#retryMs = firstRetryMs;
      const { back } = this.#deps.says;
      if (this.#saidDown && back !== undefined) this.#deps.log.info({}, back);
      this.#saidDown = false;
    }
    this.#deps.onUp?.();
  }

  /** Leaves this connection, ends what waits for it, and tries another later. */
  #down(client: Redis, reason: string, timedOut: boolean): void {
    if (client !== this.#client) return;
    this.#discard();
    this.#pause(reason, timedOut);
  }

  #pause(reason: string, timedOut: boolean): void {
    if (this.#closed) {
      clearTimeout(this.#timer);
      return;
    }
    const { log, says, breakerMs, moves, onDown } = this.#deps;
    if (!this.#saidDown && says.down !== undefined) log.warn({ reason }, says.down);
    this.#saidDown = true;
    const mostMs = Math.min(lastRetryMs, breakerMs);
    const pauseMs = timedOut ? (moves ? mostMs : breakerMs) : Math.min(this.#retryMs, mostMs);
    this.#retryMs = Math.min(this.#retryMs * 2, mostMs);
    this.#timer = setTimeout(
      guarded('redis', () => {
        this.#connect();
      }),
      pauseMs,
    );
    this.#timer.unref();
    onDown?.();
  }

  #discard(): void {
    this.#up = false;
    const client = this.#client;
    this.#client = undefined;
    client?.disconnect();
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
  }
}

/** "master", "slave", or nothing where the question is not allowed, or not known. */
async function roleOf(client: Redis): Promise<string | undefined> {
  const role: unknown = await client.role().catch(() => undefined);
  return Array.isArray(role) && typeof role[0] === 'string' ? role[0] : undefined;
}

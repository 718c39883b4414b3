/**
 * A connection to a Redis that may be slow, full, wrong, stopped or gone without anybody waiting for it.
 *
 * The link is up or down. Up: each command has a time-out; the first that is missed, or a lost connection, takes the
 * link down, and every command under way is given up at once. Down: no command is sent. A connection of its own is tried
 * in the background, and only one that has answered a PING brings the link up again, so no call ever pays for trying.
 */
import { Redis } from 'ioredis';
import type { Log } from '../../call/index.ts';
import { GuardedConnector } from './connector.ts';

export interface RedisLinkOptions {
  /** redis://[user:password@]host:port/db, or rediss:// for TLS. */
  readonly url: string;
  /** Overrides the one in the URL. */
  readonly password?: string;
  /** Certificate authority (PEM) for rediss://; without one, Node's list. */
  readonly ca?: string;
  /** A command without an answer for so long takes the link down. */
  readonly timeoutMs: number;
  /** For a connection and its first PING. */
  readonly connectTimeoutMs: number;
  /** After a missed time-out the link stays down so long; a lost connection is tried again sooner, backing off to this. */
  readonly breakerMs: number;
}

export interface RedisLinkDeps {
  readonly log: Log;
  /** For the log, once for an outage. */
  readonly says: { readonly down: string; readonly back: string };
  /** Readies each new connection before its first command. */
  readonly prepare?: (client: Redis) => void;
}

/** First pause before a lost connection is tried again; it doubles up to breakerMs. */
const firstRetryMs = 50;
/** How long a discarded connection may take to close in order. */
const closeTimeoutMs = 100;

export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #deps: RedisLinkDeps;
  /** The connection in use or being tried. */
  #client: Redis | undefined;
  #up = false;
  #closed = false;
  /** Whether the log has the present outage. */
  #saidDown = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | undefined;
  /** What ends each command under way when the link goes down. */
  readonly #waiting = new Set<() => void>();

  constructor(options: RedisLinkOptions, deps: RedisLinkDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#connect();
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
   * @param patienceMs how long the asker waits; less than the link's own time-out does not blame Redis yet
   */
  ask<T>(
    command: (client: Redis) => Promise<T>,
    patienceMs = this.#options.timeoutMs,
  ): Promise<T | undefined> {
    const client = this.client;
    if (client === undefined) return Promise.resolve(undefined);
    const { timeoutMs } = this.#options;
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
    }, this.#options.timeoutMs);
    this.#timer.unref();
    // Redis answers in order, this one last, and the connection ends
    client.quit().catch(() => undefined);
  }

  #connect(): void {
    const { url, password, ca, connectTimeoutMs } = this.#options;
    const client = new Redis(url, {
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { tls: { ca } }),
      lazyConnect: true,
      Connector: GuardedConnector as never,
      connectTimeout: connectTimeoutMs,
      disconnectTimeout: closeTimeoutMs,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: null,
      // RESP2: every Redis since 2.0 speaks it, and the commands here gain nothing from RESP3.
      protocol: 2,
    });
    this.#deps.prepare?.(client);
    this.#client = client;
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
      .then(
        () => this.#isUp(client),
        (error: Error) =>
          this.#down(client, lastError === 'connection closed' ? error.message : lastError, false),
      )
      .finally(() => clearTimeout(deadline))
      .catch(() => undefined);
  }

  #isUp(client: Redis): void {
    if (client !== this.#client || this.#closed) return;
    this.#up = true;
    this.#retryMs = firstRetryMs;
    if (this.#saidDown) this.#deps.log.info({}, this.#deps.says.back);
    this.#saidDown = false;
  }

  /** Leaves this connection, ends what waits for it, and tries another later. */
  #down(client: Redis, reason: string, timedOut: boolean): void {
    if (client !== this.#client) return;
    this.#discard();
    if (this.#closed) {
      clearTimeout(this.#timer);
      return;
    }
    if (!this.#saidDown) this.#deps.log.warn({ reason }, this.#deps.says.down);
    this.#saidDown = true;
    const { breakerMs } = this.#options;
    const pauseMs = timedOut ? breakerMs : Math.min(this.#retryMs, breakerMs);
    this.#retryMs = Math.min(this.#retryMs * 2, breakerMs);
    this.#timer = setTimeout(() => this.#connect(), pauseMs);
    this.#timer.unref();
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

/**
 * Answers in Redis, which may be slow, full, wrong, stopped or gone without anybody waiting for it.
 *
 * The store is up or down. Up: each command has a time-out; the first that is missed, or a lost connection, takes the
 * store down, and every command under way fails at once. Down: no command is sent. A connection of its own is tried in
 * the background, and only one that has answered a PING brings the store up again, so no call ever pays for trying.
 */
import { Redis, ReplyError } from 'ioredis';
import type { Clock, Log } from '../../call/index.ts';
import type { ResponseStore, StoreMiss } from './store.ts';

export interface RedisStoreOptions {
  /** redis://[user:password@]host:port/db, or rediss:// for TLS. */
  readonly url: string;
  /** Overrides the one in the URL. */
  readonly password?: string;
  /** Certificate authority (PEM) for rediss://; without one, Node's list. */
  readonly ca?: string;
  /** The most that a call waits for an answer. */
  readonly timeoutMs: number;
  /** For a connection and its first PING. */
  readonly connectTimeoutMs: number;
  /** After a missed time-out the store stays down so long; a lost connection is tried again sooner, backing off to this. */
  readonly breakerMs: number;
  /** Lookups under way; calls beyond go without the cache. */
  readonly maxGets: number;
  /** Answers on their way to Redis, by number and size; those beyond are not stored. */
  readonly maxSets: number;
  readonly maxSetBytes: number;
}

export interface RedisStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** First pause before a lost connection is tried again; it doubles up to breakerMs. */
const firstRetryMs = 50;
/** A Redis that refuses a write (out of memory, read-only) is not sent another so long. */
const writePauseMs = 1000;
/** How long a discarded connection may take to close in order. */
const closeTimeoutMs = 100;

export class RedisStore implements ResponseStore {
  readonly #options: RedisStoreOptions;
  readonly #deps: RedisStoreDeps;
  /** The connection in use or being tried. */
  #client: Redis | undefined;
  #up = false;
  #closed = false;
  /** Whether the log has the present outage. */
  #saidDown = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | undefined;
  /** What ends each command under way when the store goes down. */
  readonly #waiting = new Set<() => void>();
  #gets = 0;
  #sets = 0;
  #setBytes = 0;
  #writesPausedUntil = 0;

  constructor(options: RedisStoreOptions, deps: RedisStoreDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#connect();
  }

  get up(): boolean {
    return this.#up;
  }

  async get(key: string, maxBytes: number): Promise<Uint8Array | StoreMiss> {
    const client = this.#client;
    if (!this.#up || client === undefined || this.#gets >= this.#options.maxGets) return 'unavailable';
    this.#gets++;
    try {
      // GETRANGE instead of GET: a foreign value of 100 MB under our key shall not come here.
      const value = await this.#inTime(client, client.getrangeBuffer(key, 0, maxBytes));
      if (value === undefined) return 'failed';
      return value.length === 0 ? 'absent' : value;
    } catch {
      return 'failed';
    } finally {
      this.#gets--;
    }
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<'stored' | 'failed' | 'unavailable'> {
    const { maxSets, maxSetBytes } = this.#options;
    const client = this.#client;
    const noRoom = this.#sets >= maxSets || this.#setBytes + value.length > maxSetBytes;
    if (!this.#up || client === undefined || noRoom) return 'unavailable';
    if (this.#deps.clock() < this.#writesPausedUntil) return 'unavailable';
    this.#sets++;
    this.#setBytes += value.length;
    try {
      await client.set(key, asBuffer(value), 'PX', Math.max(1, Math.floor(ttlMs)));
      return 'stored';
    } catch (error) {
      if (error instanceof ReplyError) this.#writesPausedUntil = this.#deps.clock() + writePauseMs;
      return 'failed';
    } finally {
      this.#sets--;
      this.#setBytes -= value.length;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#discard();
  }

  /** The command's result, or undefined when it took too long or the store went down. Rejects as the command does. */
  #inTime<T>(client: Redis, command: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        clearTimeout(timer);
        resolve(undefined);
      };
      const timer = setTimeout(() => {
        // When this process was busy for so long, the answer lies in the socket: it is read before setImmediate.
        setImmediate(() => {
          if (this.#waiting.has(giveUp))
            this.#down(client, `no answer in ${this.#options.timeoutMs} ms`, true);
        });
      }, this.#options.timeoutMs);
      this.#waiting.add(giveUp);
      const settled = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(giveUp);
      };
      command.then(
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

  #connect(): void {
    const { url, password, ca, connectTimeoutMs } = this.#options;
    const client = new Redis(url, {
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { tls: { ca } }),
      lazyConnect: true,
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
    if (this.#saidDown) this.#deps.log.info({}, 'the response cache is back');
    this.#saidDown = false;
  }

  /** Leaves this connection, ends what waits for it, and tries another later. */
  #down(client: Redis, reason: string, timedOut: boolean): void {
    if (client !== this.#client || this.#closed) return;
    this.#discard();
    if (!this.#saidDown) this.#deps.log.warn({ reason }, 'the response cache is down; calls go without it');
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

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

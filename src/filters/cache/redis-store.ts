/** Answers in Redis: bounded in what is under way, and never a reason for a call to fail or to wait. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { meaningOf, RedisKeys, type RedisKeysOptions } from '../redis/index.ts';
import type { ResponseStore, StoreMiss } from './store.ts';

export interface RedisStoreOptions extends RedisKeysOptions {
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

/** A Redis that refuses a write (out of memory, read-only) is not sent another so long. */
const writePauseMs = 1000;

/**
 * Response store in Redis: GETRANGE to read, SET with PX to write, with at most `maxGets` reads, `maxSets` writes and
 * `maxSetBytes` under way. Its methods do not reject: a failure is 'failed', and what is not tried 'unavailable'.
 */
export class RedisStore implements ResponseStore {
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  readonly #redis: RedisKeys;
  #gets = 0;
  #sets = 0;
  #setBytes = 0;
  #writesPausedUntil = 0;

  constructor(options: RedisStoreOptions, { clock, log }: RedisStoreDeps) {
    this.#options = options;
    this.#clock = clock;
    const says = {
      down: 'the response cache is down; calls go without it',
      back: 'the response cache is back',
    };
    this.#redis = new RedisKeys(options, { log, clock, says, purpose: 'the response cache' });
  }

  get up(): boolean {
    return this.#redis.up;
  }

  async get(key: string, maxBytes: number): Promise<Uint8Array | StoreMiss> {
    if (!this.#redis.upFor(key) || this.#gets >= this.#options.maxGets) return 'unavailable';
    this.#gets++;
    try {
      // GETRANGE instead of GET: a foreign value of 100 MB under our key shall not come here.
      const value = await this.#redis.ask(key, (client) => client.getrangeBuffer(key, 0, maxBytes));
      if (value === undefined) return 'failed';
      // whatever stands at that address may not be a Redis
      if (!Buffer.isBuffer(value)) return 'failed';
      if (value.length > maxBytes + 1) return 'failed';
      return value.length === 0 ? 'absent' : value;
    } catch {
      return 'failed';
    } finally {
      this.#gets--;
    }
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<'stored' | 'failed' | 'unavailable'> {
    const { maxSets, maxSetBytes } = this.#options;
    const noRoom = this.#sets >= maxSets || this.#setBytes + value.length > maxSetBytes;
    if (noRoom || !this.#redis.upFor(key) || this.#clock() < this.#writesPausedUntil) return 'unavailable';
    this.#sets++;
    this.#setBytes += value.length;
    try {
      const bytes = asBuffer(value);
      const keptMs = Math.max(1, Math.floor(ttlMs));
      const answer: unknown = await this.#redis.tell(key, (client) => client.set(key, bytes, 'PX', keptMs));
      return answer === 'OK' ? 'stored' : 'failed';
    } catch (error) {
      const meaning = meaningOf(error)?.kind;
      if (meaning === 'no writes' || meaning === 'refused')
        this.#writesPausedUntil = this.#clock() + writePauseMs;
      return 'failed';
    } finally {
      this.#sets--;
      this.#setBytes -= value.length;
    }
  }

  /** @param graceful commands under way are answered first */
  close(graceful = false): void {
    this.#redis.close(graceful);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

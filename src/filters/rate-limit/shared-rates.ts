/** Rates that all gateways hold together: the buckets are in Redis, which one script reads and changes at once. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { RedisKeys, type RedisKeysOptions } from '../redis/index.ts';

/** One bucket that a call takes from. */
export interface Cell {
  /** The limit's. */
  readonly name: string;
  /** Of all that the limit tells apart. */
  readonly key: string;
  /** What a call costs, and how far ahead of its time the bucket may be, in ms. */
  readonly emissionMs: number;
  readonly toleranceMs: number;
}

export type Verdict =
  | { readonly kind: 'taken' }
  /** The first cell that has nothing left, and when it has. Nothing was taken from the others. */
  | {
      readonly kind: 'refused';
      readonly index: number;
      readonly waitMs: number;
      readonly by: 'redis' | 'memory';
    }
  /** Whoever asked decides for itself. */
  | { readonly kind: 'unknown'; readonly why: 'down' | 'late' | 'error' | 'busy' };

export interface SharedRates {
  take(cells: readonly Cell[]): Promise<Verdict>;
  /** @param graceful questions under way are answered first */
  close(graceful?: boolean): void;
}

export interface SharedRatesOptions extends RedisKeysOptions {
  /** The most that a call waits for the answer; then it is decided here. */
  readonly waitMs: number;
  /** Questions under way; calls beyond are decided here. */
  readonly maxAsks: number;
  /** Before every key. */
  readonly keyPrefix: string;
}

/** Refusals that are remembered until their time is over, so that a client that keeps trying costs Redis nothing. */
const maxRemembered = 10_000;

/**
 * The generic cell rate algorithm over several keys, all or nothing. Redis's clock counts, so gateways may differ. A
 * value that is no number counts as none, and one beyond what the limit can have written (a foreign one, or the
 * host's clock went back) as a bucket that is just empty.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local fullAt = {}
for i, key in ipairs(KEYS) do
  local emission, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local known = tonumber(redis.call('GET', key)) or now
  local at = math.min(math.max(known, now), now + tolerance + emission)
  local wait = at - now - tolerance
  if wait > 0.001 then return { i, tostring(wait) } end
  fullAt[i] = at + emission
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.17g', fullAt[i]), 'PX', math.ceil(fullAt[i] - now))
end
return { 0, '0' }
`;
type TakeCommand = (keys: number, ...rest: (string | number)[]) => Promise<unknown>;

/** Of Lua's numbers as texts, in ms. */
const roundingMs = 1;
/** Of what Redis says, in characters. */
const maxReason = 200;
/** Between two log lines about answers that are none, in ms. */
const sayEveryMs = 60_000;

/**
 * What the script can have said of these cells; undefined for anything else, since what is there may not be a Redis.
 */
function verdictOf(
  answer: unknown,
  cells: readonly Cell[],
): { readonly nth: number; readonly waitMs: number } | undefined {
  if (!Array.isArray(answer) || answer.length !== 2) return undefined;
  const [nth, text] = answer as [unknown, unknown];
  if (nth === 0) return { nth, waitMs: 0 };
  const refusing = typeof nth === 'number' ? cells[nth - 1] : undefined;
  const waitMs = typeof text === 'string' ? Number(text) : Number.NaN;
  // a bucket is never further ahead of its time than it may be and what one call costs
  if (refusing === undefined || !(waitMs > 0 && waitMs <= refusing.emissionMs + roundingMs)) return undefined;
  return { nth: nth as number, waitMs };
}

/**
 * Takes tokens from buckets in Redis, which several gateways share. Keys contain a hash of the client's value.
 */
export function redisRates(
  options: SharedRatesOptions,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): SharedRates & { readonly up: boolean } {
  const redis = new RedisKeys(options, {
    log,
    clock,
    purpose: 'shared rate limits',
    says: {
      down: 'the Redis of shared rate limits is down; each gateway counts for itself',
      back: 'the Redis of shared rate limits is back',
    },
    prepare: (client) => {
      client.defineCommand('takeCells', { lua: script });
    },
  });
  const refusedUntilMs = new Map<string, number>();
  let asks = 0;
  let saidMs = Number.NEGATIVE_INFINITY;

  /** One line for an outage, however many calls it meets. */
  function say(reason: string): void {
    const nowMs = clock();
    if (nowMs - saidMs < sayEveryMs) return;
    saidMs = nowMs;
    log.warn(
      { reason },
      'the Redis of shared rate limits gives no answer that means one; each gateway counts for itself',
    );
  }

  // what a client wrote (a token, an address) is nobody's business in Redis; one script takes from all buckets of a
  // call, and a cluster wants its keys in one slot
  const keyOf = ({ name, key }: Cell): string =>
    `${options.keyPrefix}{rate}:${encodeURIComponent(name)}:${createHash('sha256').update(key).digest('base64url').slice(0, 22)}`;

  function remember(key: string, waitMs: number): void {
    refusedUntilMs.delete(key);
    refusedUntilMs.set(key, clock() + waitMs);
    if (refusedUntilMs.size > maxRemembered) {
      const [oldest] = refusedUntilMs.keys();
      refusedUntilMs.delete(oldest as string);
    }
  }

  /** A bucket that had no token cannot get one sooner than it was told: others only take more. */
  function remembered(keys: readonly string[]): Verdict | undefined {
    const now = clock();
    for (const [index, key] of keys.entries()) {
      const until = refusedUntilMs.get(key);
      if (until === undefined) continue;
      if (until > now) return { kind: 'refused', index, waitMs: until - now, by: 'memory' };
      refusedUntilMs.delete(key);
    }
    return undefined;
  }

  return {
    get up() {
      return redis.up;
    },
    async take(cells) {
      if (!redis.up) return { kind: 'unknown', why: 'down' };
      const keys = cells.map(keyOf);
      const refusal = remembered(keys);
      if (refusal !== undefined) return refusal;
      if (asks >= options.maxAsks) return { kind: 'unknown', why: 'busy' };
      asks++;
      try {
        const rates = cells.flatMap(({ emissionMs, toleranceMs }) => [emissionMs, toleranceMs]);
        const answer = await redis.ask(
          keys[0] as string,
          (client) =>
            (client as Redis & { takeCells: TakeCommand }).takeCells(keys.length, ...keys, ...rates),
          options.waitMs,
        );
        if (answer === undefined) return { kind: 'unknown', why: 'late' };
        const verdict = verdictOf(answer, cells);
        if (verdict === undefined) {
          say('its answer is not that of the script');
          return { kind: 'unknown', why: 'error' };
        }
        const { nth, waitMs } = verdict;
        if (nth === 0) return { kind: 'taken' };
        remember(keys[nth - 1] as string, waitMs);
        return { kind: 'refused', index: nth - 1, waitMs, by: 'redis' };
      } catch (error) {
        say(error instanceof Error ? error.message.slice(0, maxReason) : 'an error without words');
        return { kind: 'unknown', why: 'error' };
      } finally {
        asks--;
      }
    },
    close(graceful = false) {
      redis.close(graceful);
    },
  };
}

/**
 * Holds calls to rates: by model, by a header of theirs, or by the client's address; in this gateway, or in all of
 * them together.
 */
import { addressOf, networkOf } from '../../base/addresses.ts';
import type { After, Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  allMetadata,
  ByModel,
  type Call,
  type Filter,
  type ModelRef,
  type Observer,
} from '../../call/index.ts';
import { isInformation } from '../../models/index.ts';
import { cellsOf, GcraLimiter, type Rate } from './gcra-limiter.ts';
import type { SharedRates } from './shared-rates.ts';
import { gatherTakes, type TokenUsage } from './token-usage.ts';

export interface RateLimit extends Rate {
  /** For errors, and what processes that hold it together call it: "per tenant". */
  readonly name: string;
  /** Empty: every model. */
  readonly models: readonly ModelRef[];
  /** What has a bucket of its own. */
  readonly by: 'model' | 'peer' | { readonly header: string };
  /** Calls without that header share one bucket (also when absent), or are not limited. */
  readonly withoutHeader?: 'share' | 'pass' | undefined;
  /** Held by all gateways together, as long as they can ask. */
  readonly shared: boolean;
}

export interface RateLimitDeps {
  readonly observer: Pick<Observer, 'limited' | 'sharedLimit'>;
  readonly clock: Clock;
  readonly after: After;
  /** Where shared limits are counted; absent without any. */
  readonly shared?: SharedRates | undefined;
  /** Tells the gateway's other workers what this one took; absent where there are none. */
  readonly tell?: ((takes: TokenUsage) => void) | undefined;
  /** The buckets of a limit, those of before a reload where it has not changed; absent: new ones. */
  readonly bucketsOf?: (limit: RateLimit, make: () => GcraLimiter) => GcraLimiter;
}

export interface RateLimits {
  readonly filter: Filter;
  /** What another worker took. */
  readonly told: (takes: TokenUsage) => void;
}

/** A limit that a call meets, and the bucket of it. */
interface Met {
  readonly limit: RateLimit;
  readonly buckets: GcraLimiter;
  readonly key: string;
}

/** Clients, or values of a header, that one limit tells apart. */
const maxKeys = 10_000;
/** Longer values of a header are told apart by their beginning. */
const maxKeyLength = 256;

/** A model of the default fleet by its name alone, as gateways that share a limit have always called it. */
function modelKey(model: ModelRef | undefined): string {
  if (model === undefined) return '';
  return model.fleet === undefined ? model.model : `\0${model.fleet}\0${model.model}`;
}

/** Undefined for a call that the limit is not for. */
function keyOf(call: Call, { by, withoutHeader }: RateLimit): string | undefined {
  if (by === 'model') return modelKey(call.target);
  // a client's port changes with each connection, and of IPv6 it has a network
  if (by === 'peer') return networkOf(addressOf(call.peer));
  const value = allMetadata(call.metadata, by.header);
  return value === undefined && withoutHeader === 'pass' ? undefined : (value ?? '').slice(0, maxKeyLength);
}

/**
 * Creates the filter that refuses calls beyond a rate limit with RESOURCE_EXHAUSTED and a retry delay in ms.
 */
export function createRateLimits(
  limits: readonly RateLimit[],
  { observer, clock, after, shared, tell, bucketsOf = (_limit, make) => make() }: RateLimitDeps,
): RateLimits {
  const all = limits.map((limit) => ({
    limit,
    models: new ByModel(limit.models.map((model) => [model, true])),
    buckets: bucketsOf(limit, () => new GcraLimiter(limit, maxKeys, clock)),
  }));
  const took = tell === undefined ? undefined : gatherTakes(tell, after);

  function met(call: Call, model: ModelRef, isShared: boolean): Met[] {
    return all.flatMap(({ limit, models, buckets }) => {
      if (limit.shared !== isShared || (limit.models.length > 0 && !models.has(model))) return [];
      const key = keyOf(call, limit);
      return key === undefined ? [] : [{ limit, buckets, key }];
    });
  }

  function refusal({ limit, key }: Met, retryAfterMs: number): StatusError {
    observer.limited('rate');
    const { name, perSecond, by } = limit;
    const who = typeof by === 'object' && key === '' ? ` for all that have no ${by.header} together` : '';
    const text = `rate limit ${name}: no more than ${perSecond} calls a second${who}`;
    return new StatusError(Code.RESOURCE_EXHAUSTED, text, { retryAfterMs });
  }

  /** All or nothing: a call that one limit refuses takes nothing from the others. */
  function takeHere(cells: readonly Met[]): StatusError | undefined {
    for (const cell of cells) {
      const waitMs = cell.buckets.waitMs(cell.key);
      if (waitMs > 0) return refusal(cell, waitMs);
    }
    for (const { limit, buckets, key } of cells) {
      buckets.charge(key);
      took?.(limit.name, key);
    }
    return undefined;
  }

  async function takeShared(rates: SharedRates, cells: readonly Met[]): Promise<StatusError | undefined> {
    const verdict = await rates.take(
      cells.map(({ limit, key }) => ({ name: limit.name, key, ...cellsOf(limit) })),
    );
    const by = verdict.kind === 'unknown' ? verdict.why : verdict.kind === 'refused' ? verdict.by : 'redis';
    for (const { limit } of cells) observer.sharedLimit(limit.name, by);
    if (verdict.kind === 'unknown') return takeHere(cells);
    if (verdict.kind === 'refused') return refusal(cells[verdict.index] as Met, verdict.waitMs);
    // so that this gateway knows what it gave when Redis goes
    for (const { buckets, key } of cells) buckets.charge(key);
    return undefined;
  }

  return {
    filter: (next) => (call) => {
      const model = call.target;
      if (model === undefined || isInformation(call.method)) return next(call);
      const refused = takeHere(met(call, model, false));
      if (refused !== undefined) return Promise.reject(refused);
      if (shared === undefined) return next(call);
      const cells = met(call, model, true);
      if (cells.length === 0) return next(call);
      return takeShared(shared, cells).then((late) => {
        if (late !== undefined) throw late;
        return next(call);
      });
    },
    told(takes) {
      for (const { limit, buckets } of all)
        for (const [key, tokens] of takes.get(limit.name) ?? []) buckets.charge(key, tokens);
    },
  };
}

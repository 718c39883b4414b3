/** Holds calls to rates: by model, by a header of theirs, or by the client's address. */
import {
  type Call,
  type Clock,
  Code,
  type Filter,
  getMetadata,
  type Observer,
  StatusError,
} from '../../call/index.ts';
import { isInformation } from '../../models/index.ts';
import { Buckets, type Rate } from './buckets.ts';

export interface RateLimit extends Rate {
  /** For errors: "per tenant". */
  readonly name: string;
  /** By the model servers' own names; empty: every model. */
  readonly models: ReadonlySet<string>;
  /** What has a bucket of its own; a call without the header shares one with all others without it. */
  readonly by: 'model' | 'peer' | { readonly header: string };
}

export interface RateLimitDeps {
  readonly observer: Pick<Observer, 'limited'>;
  readonly clock: Clock;
}

/** Clients, or values of a header, that one limit tells apart. */
const maxKeys = 10_000;
/** Longer values of a header are told apart by their beginning. */
const maxKeyLength = 256;

function keyOf(call: Call, { by }: RateLimit): string {
  if (by === 'model') return call.target?.model ?? '';
  // a client's port changes with each connection
  if (by === 'peer') return call.peer.replace(/:\d+$/, '');
  return (getMetadata(call.metadata, by.header) ?? '').slice(0, maxKeyLength);
}

export function rateLimitFilter(limits: readonly RateLimit[], { observer, clock }: RateLimitDeps): Filter {
  const all = limits.map((limit) => ({ limit, buckets: new Buckets(limit, maxKeys, clock) }));
  return (next) => (call) => {
    const model = call.target?.model;
    if (model === undefined || isInformation(call.method)) return next(call);
    for (const { limit, buckets } of all) {
      if (limit.models.size > 0 && !limit.models.has(model)) continue;
      const waitMs = buckets.take(keyOf(call, limit));
      if (waitMs === 0) continue;
      observer.limited('rate');
      const text = `rate limit ${limit.name}: no more than ${limit.perSecond} calls a second`;
      return Promise.reject(new StatusError(Code.RESOURCE_EXHAUSTED, text, { retryAfterMs: waitMs }));
    }
    return next(call);
  };
}

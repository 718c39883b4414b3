/**
 * Asks another backend when the first one stays silent for much longer than the fleet's others would; the first
 * answer counts.
 */
import type { After, Clock } from '../../base/clock.ts';
import type { Filter, Observer } from '../../call/index.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { AttemptBudget, type AttemptBudgetOptions } from '../attempt-budget.ts';
import { isRetrySafe } from '../attempts.ts';
import { type LatencyStats, messageBytes } from '../latencies/index.ts';
import { HedgedCall } from './hedged-call.ts';

export interface HedgeOptions {
  /** Another backend is asked after so many times what is usual. */
  readonly factor: number;
  /** Never sooner, in ms: pauses of a healthy server are no reason. */
  readonly minDelayMs: number;
  /** While too little is known of a model, in ms. */
  readonly coldDelayMs: number;
  /** The first attempt included. */
  readonly maxAttempts: number;
  readonly budget: AttemptBudgetOptions;
  /** Losers that are reset at one backend each second; others are left to finish, and their answers dropped. */
  readonly maxResetsPerSecond: number;
}

export interface HedgeDeps {
  readonly observer: Pick<Observer, 'hedged'>;
  readonly clock: Clock;
  /** Read for what is usual, and written to. */
  readonly latencies: LatencyStats;
  /** Must let the process read what has arrived before it calls back. */
  readonly after: After;
  /** That of before a reload. */
  readonly budget?: AttemptBudget;
}

/** Backends that come and go (Kubernetes) must not pile up. */
const maxBackends = 1000;

/**
 * Hedges unary calls that are safe to retry and whose request is retained: another attempt starts when the
 * latency so far exceeds `factor` times the usual one of the model, within the budget.
 */
export function hedgeFilter(options: HedgeOptions, deps: HedgeDeps): Filter {
  const { observer, clock, after, latencies, budget = new AttemptBudget(options.budget, clock) } = deps;
  const { maxAttempts, maxResetsPerSecond, factor, minDelayMs, coldDelayMs } = options;
  /** One bucket for each backend that has lost: servers cut connections on which too many calls are cancelled. */
  const resets = new Map<string, TokenBucket>();

  function mayReset(backend: string): boolean {
    let bucket = resets.get(backend);
    if (bucket === undefined && resets.size >= maxBackends) resets.clear();
    if (bucket === undefined)
      resets.set(backend, (bucket = new TokenBucket(maxResetsPerSecond, maxResetsPerSecond, clock)));
    return bucket.take();
  }

  function delayMs({ usualMs }: { readonly usualMs: number | undefined }): number {
    return usualMs === undefined ? coldDelayMs : Math.max(minDelayMs, factor * usualMs);
  }

  return (next) => {
    const hedgeDeps = {
      next,
      clock,
      after,
      observer,
      maxAttempts,
      delayMs,
      mayHedge: () => budget.take(),
      mayReset,
    };
    return (call) => {
      const { target } = call;
      if (call.kind !== 'unary' || target === undefined || !isRetrySafe(call) || !call.request.retains)
        return next(call);
      budget.called();
      return new HedgedCall(call, latencies.kind(target, messageBytes(call)), hedgeDeps).run();
    };
  };
}

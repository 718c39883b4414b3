/** Asks another backend when the first one stays silent for much longer than the fleet's others would; the first answer counts. */
import {
  type After,
  type Call,
  type Clock,
  type Filter,
  type Observer,
  prefixBytes,
} from '../../call/index.ts';
import { AttemptBudget, type AttemptBudgetOptions } from '../attempt-budget.ts';
import { harmlessTwice } from '../attempts.ts';
import { type DelayOptions, HedgeDelays } from './delays.ts';
import { Race } from './race.ts';

export interface HedgeOptions extends DelayOptions {
  /** The first attempt included. */
  readonly maxAttempts: number;
  readonly budget: AttemptBudgetOptions;
  /** Losers that are reset at one backend each second; others are left to finish, and their answers dropped. */
  readonly maxResetsPerSecond: number;
}

export interface HedgeDeps {
  readonly observer: Pick<Observer, 'hedged'>;
  readonly clock: Clock;
  /** Must let the process read what has arrived before it calls back. */
  readonly after: After;
}

/** Backends that come and go (Kubernetes) must not pile up. */
const maxBackends = 1000;

/** Length of the message as its prefix says, in bytes; what has arrived of it as long as that is unknown. */
function messageBytes(call: Call): number {
  const first = call.request.peek()[0];
  if (first === undefined || first.length < prefixBytes) return call.request.bytes;
  return new DataView(first.buffer, first.byteOffset).getUint32(1);
}

export function hedgeFilter(options: HedgeOptions, { observer, clock, after }: HedgeDeps): Filter {
  const budget = new AttemptBudget(options.budget, clock);
  const delays = new HedgeDelays(options, clock);
  const { maxAttempts, maxResetsPerSecond } = options;
  /** One bucket for each backend that has lost: servers cut connections on which too many calls are cancelled. */
  const resets = new Map<string, AttemptBudget>();
  const resetRate: AttemptBudgetOptions = { percent: 0, minPerSecond: maxResetsPerSecond, windowMs: 1000 };

  function mayReset(backend: string): boolean {
    let rate = resets.get(backend);
    if (rate === undefined && resets.size >= maxBackends) resets.clear();
    if (rate === undefined) resets.set(backend, (rate = new AttemptBudget(resetRate, clock)));
    return rate.take();
  }

  return (next) => {
    const deps = { next, clock, after, observer, maxAttempts, mayHedge: () => budget.take(), mayReset };
    return (call) => {
      const model = call.target?.model;
      if (call.kind !== 'unary' || model === undefined || !harmlessTwice(call) || !call.request.retains)
        return next(call);
      budget.called();
      return new Race(call, delays.kind(model, messageBytes(call)), deps).run();
    };
  };
}

/**
 * Sends a call to another backend when the first one surely did nothing with it, or when doing it twice does no harm.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import type { Call, Filter, Handler, Observer, Reply } from '../call/index.ts';
import { AttemptBudget, type AttemptBudgetOptions } from './attempt-budget.ts';
import { type Failure, failureOf, isRetrySafe, withAttempts } from './attempts.ts';

export interface RetryOptions {
  /** The first attempt included. */
  readonly maxAttempts: number;
  /** Attempts when nothing was started so far: each costs a refused connection only. */
  readonly maxUnstarted: number;
  /** Wait before the third attempt, doubled from then on, in ms; the second one goes at once. */
  readonly backoffMs: number;
  readonly budget: AttemptBudgetOptions;
}

export interface RetryDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  /** That of before a reload. */
  readonly budget?: AttemptBudget;
}

/** The request can be sent from its start. */
const repeatable = (call: Call): boolean => call.request.retains || !call.request.started;

/** Of a backend: its own RESOURCE_EXHAUSTED comes as far as here only when it is a busy server's. */
const retriable: ReadonlySet<Code> = new Set([Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED]);

/** The label `reason` of retries. */
function reasonOf({ error }: Failure): string {
  switch (error.disposition) {
    case 'not-started':
      return 'not started';
    case 'stream-reset':
      return 'broken off';
    default:
      return 'unavailable';
  }
}

/** How an attempt has ended; one that has a reply may have failed all the same. */
interface Attempt {
  readonly reply: Reply | undefined;
  readonly failure: Failure | undefined;
}

/**
 * Creates the retry filter. An attempt that was not started is repeated at another backend up to `maxUnstarted`
 * attempts; UNAVAILABLE, RESOURCE_EXHAUSTED or a broken stream of an idempotent call up to `maxAttempts`, within the
 * retry budget. Waits by exponential backoff or grpc-retry-pushback-ms (gRFC A6).
 */
export function retryFilter(options: RetryOptions, deps: RetryDeps): Filter {
  const { observer, clock, random, budget = new AttemptBudget(options.budget, clock) } = deps;
  /** Lost connections whose place in the budget is taken. */
  const paid = new WeakSet();

  /** A connection that is lost is one event, however many calls were on it: no sign that calls themselves do harm. */
  function pay({ lostConnection }: StatusError): boolean {
    if (lostConnection !== undefined && paid.has(lostConnection)) return true;
    if (!budget.take()) return false;
    if (lostConnection !== undefined) paid.add(lostConnection);
    return true;
  }

  function mayRetry(call: Call, failure: Failure, attempt: number): boolean {
    // an error without a backend is the gateway's own: another attempt cannot help
    if (failure.backend === '') return false;
    if (call.cancellation.reason !== undefined || !repeatable(call)) return false;
    if ((failure.pushbackMs ?? 0) < 0) return false;
    const { code, disposition } = failure.error;
    if (disposition === 'not-started') return attempt < options.maxUnstarted;
    if (!isRetrySafe(call) || !(disposition === 'stream-reset' || retriable.has(code))) return false;
    return attempt < options.maxAttempts && pay(failure.error);
  }

  /** The wait before the attempt after this one; undefined when the deadline leaves no room. */
  function waitMs(call: Call, failure: Failure, attempt: number): number | undefined {
    const ownMs = attempt < 2 ? 0 : backoffMs(options.backoffMs, Infinity, attempt - 2, random);
    const ms = failure.pushbackMs ?? ownMs;
    return clock() + ms >= call.deadline ? undefined : ms;
  }

  async function retried(call: Call, next: Handler, first: Attempt): Promise<Reply> {
    let { avoid, failedAt } = call;
    let { reply, failure } = first;
    for (let attempt = 1; ; attempt++) {
      const again = failure !== undefined && mayRetry(call, failure, attempt);
      const ms = failure === undefined || !again ? undefined : waitMs(call, failure, attempt);
      if (failure === undefined || ms === undefined) {
        // nobody reads the request from its start any more
        call.request.dropCopy();
        if (reply !== undefined) return reply;
        throw (failure as Failure).error;
      }
      observer.retried(failure.backend, reasonOf(failure));
      avoid = [...(avoid ?? []), failure.backend];
      const { code, disposition, lostConnection } = failure.error;
      // a lost connection is one event, which is known for what it is
      if (disposition !== 'not-started' && lostConnection === undefined) {
        const transport = disposition === 'stream-reset';
        failedAt = [...(failedAt ?? []), { backend: failure.backend, code, transport }];
      }
      if (ms > 0) await sleep(ms);
      if (call.cancellation.reason !== undefined) throw call.cancellation.reason;
      const metadata = withAttempts(call.metadata, attempt);
      try {
        reply = await next({ ...call, avoid, failedAt, metadata });
        failure = failureOf(reply);
      } catch (reason) {
        reply = undefined;
        failure = thrown(reason);
      }
    }
  }

  return (next) => (call) => {
    budget.called();
    // nearly every call ends with its first attempt, and needs no more than one promise for it
    return next(call).then(
      (reply) => {
        const failure = failureOf(reply);
        if (failure !== undefined) return retried(call, next, { reply, failure });
        call.request.dropCopy();
        return reply;
      },
      (reason: unknown) => retried(call, next, { reply: undefined, failure: thrown(reason) }),
    );
  };
}

function thrown(reason: unknown): Failure {
  const error = StatusError.from(reason);
  return { error, backend: error.where ?? '', pushbackMs: undefined };
}

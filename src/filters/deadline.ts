/** Holds a call to its deadline, whatever becomes of it further in. */
import type { After, Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import { after } from '../base/timer-wheel.ts';
import { type Call, type Filter, type Handler, never, type Reply } from '../call/index.ts';

export interface DeadlineDeps {
  readonly clock: Clock;
  readonly after?: After;
}

/** Rejects a call with DEADLINE_EXCEEDED, and cancels it, when its response is not complete by its deadline. */
export function deadlineFilter(deps: DeadlineDeps): Filter {
  return (next) => (call) => (call.deadline === never ? next(call) : hold(call, next, deps));
}

/** Made only when it is thrown: a stack trace for every call that ends in time would cost more than the call. */
function exceeded(leftMs: number): StatusError {
  const text = `deadline exceeded: no complete answer within ${Math.max(0, Math.round(leftMs))} ms`;
  return new StatusError(Code.DEADLINE_EXCEEDED, text);
}

function hold(call: Call, next: Handler, { clock, after: start = after }: DeadlineDeps): Promise<Reply> {
  const leftMs = call.deadline - clock();
  if (leftMs <= 0) return Promise.reject(exceeded(leftMs));
  return new Promise((resolve, reject) => {
    const stop = start(leftMs, () => {
      const error = exceeded(leftMs);
      // whoever works on the call lets go of it; the client hears of it even if nobody does
      call.cancellation.cancel(error);
      reject(error);
    });
    next(call).then(
      (reply) => {
        reply.body.whenDone(stop);
        resolve(reply);
      },
      (reason: unknown) => {
        stop();
        reject(StatusError.from(reason));
      },
    );
  });
}

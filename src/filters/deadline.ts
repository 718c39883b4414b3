/** Holds a call to its deadline, whatever becomes of it further in. */
import { type Clock, Code, type Filter, never, StatusError } from '../call/index.ts';

export interface DeadlineDeps {
  readonly clock: Clock;
}

export function deadlineFilter({ clock }: DeadlineDeps): Filter {
  return (next) => async (call) => {
    if (call.deadline === never) return next(call);
    const leftMs = call.deadline - clock();
    const text = `deadline exceeded: no complete answer within ${Math.max(0, Math.round(leftMs))} ms`;
    const exceeded = new StatusError(Code.DEADLINE_EXCEEDED, text);
    if (leftMs <= 0) throw exceeded;
    let expire = (): void => undefined;
    const expired = new Promise<never>((_, reject) => {
      expire = () => {
        // whoever works on the call lets go of it; the client hears of it even if nobody does
        call.cancellation.cancel(exceeded);
        reject(exceeded);
      };
    });
    expired.catch(() => undefined);
    const timer = setTimeout(() => {
      expire();
    }, leftMs);
    call.cancellation.onCancel(() => {
      clearTimeout(timer);
    });
    try {
      const reply = await Promise.race([next(call), expired]);
      reply.body.whenDone(() => {
        clearTimeout(timer);
      });
      return reply;
    } catch (reason) {
      clearTimeout(timer);
      throw reason;
    }
  };
}

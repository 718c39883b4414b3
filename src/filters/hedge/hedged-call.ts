/** One call at several backends: the second is asked when the first stays silent, and the first answer counts. */
import type { After, Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  attemptOf,
  type Call,
  Cancellation,
  type CancelListener,
  type Flow,
  type Handler,
  type Observer,
  type Reply,
} from '../../call/index.ts';
import { failureOf, withAttempts } from '../attempts.ts';
import type { LatencyClass } from '../latencies/index.ts';

/** The same for every race of a filter. */
export interface HedgedCallDeps {
  readonly next: Handler;
  readonly clock: Clock;
  readonly after: After;
  readonly observer: Pick<Observer, 'hedged'>;
  readonly maxAttempts: number;
  /** How long to wait before the next attempt, in ms. */
  readonly delayMs: (kind: LatencyClass) => number;
  /** Takes one attempt out of the budget; false when it is used up. */
  readonly mayHedge: () => boolean;
  /** Whether a loser at this backend may be reset now. */
  readonly mayReset: (backend: string) => boolean;
}

/** A class, since of a literal with a fractional number in it V8 remakes every object (hot: 0020). */
class Attempt {
  readonly cancellation = new Cancellation();
  readonly startedMs: number;
  /** Where it went; empty until it was sent. */
  backend = '';
  over = false;

  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }
}

const ignore = (): void => undefined;

const lost = new StatusError(Code.CANCELLED, 'another backend answered first', { disposition: 'hedge-lost' });

/**
 * Runs one call as up to `maxAttempts` attempts. run() resolves with the first response; the attempts that lost
 * are cancelled where `mayReset` permits.
 */
export class HedgedCall implements CancelListener {
  readonly #call: Call;
  readonly #deps: HedgedCallDeps;
  readonly #kind: LatencyClass;
  readonly #attempts: Attempt[] = [];
  #resolve!: (reply: Reply) => void;
  #reject!: (reason: unknown) => void;
  #settled = false;
  #disarm = ignore;
  /** What the first attempt said that failed while others were under way. */
  #failure: { readonly reply: Reply } | { readonly reason: unknown } | undefined;

  constructor(call: Call, kind: LatencyClass, deps: HedgedCallDeps) {
    this.#call = call;
    this.#kind = kind;
    this.#deps = deps;
  }

  run(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#call.cancellation.listen(this);
      this.#launch(this.#call.request);
      if (!this.#settled) this.#arm();
    });
  }

  onCancelled(reason: StatusError): void {
    this.#disarm();
    for (const { cancellation } of this.#attempts) cancellation.cancel(reason);
  }

  #arm(): void {
    const { after, delayMs, maxAttempts } = this.#deps;
    if (this.#attempts.length >= maxAttempts) return;
    this.#disarm = after(delayMs(this.#kind), () => {
      this.#hedge();
    });
  }

  #hedge(): void {
    const { observer, mayHedge } = this.#deps;
    const silent = this.#attempts.at(-1)?.backend ?? '';
    // an attempt that waits for a connection is at no backend yet: another one would wait beside it
    if (this.#settled || this.#call.cancellation.reason !== undefined || silent === '') return;
    if (!mayHedge()) {
      observer.hedged(silent, 'no budget');
      // there may be a place for it later, and none needs it more than who waits longest
      this.#arm();
      return;
    }
    const request = this.#call.request.fork();
    if (request === undefined) return;
    observer.hedged(silent, 'sent');
    this.#launch(request);
    if (!this.#settled) this.#arm();
  }

  #launch(request: Flow): void {
    const call = this.#call;
    const previous = this.#attempts.length;
    const attempt = new Attempt(this.#deps.clock());
    this.#attempts.push(attempt);
    const sent = attemptOf(call, {
      request,
      cancellation: attempt.cancellation,
      onPicked: (backend) => {
        attempt.backend = backend;
        call.onPicked?.(backend);
      },
    });
    if (call.cancellation.reason !== undefined) attempt.cancellation.cancel(call.cancellation.reason);
    this.#deps.next(previous === 0 ? sent : this.#again(sent, previous)).then(
      (reply) => {
        this.#answered(attempt, reply);
      },
      (reason: unknown) => {
        // what still comes of the request is not kept for it
        if (previous > 0) request.abandon();
        this.#failed(attempt, { reason });
      },
    );
  }

  /** The call for a backend that was not asked before. @param previous attempts so far */
  #again(call: Call, previous: number): Call {
    const tried = this.#attempts.slice(0, previous).map(({ backend }) => backend);
    return {
      ...call,
      avoidStrictly: true,
      avoid: [...(call.avoid ?? []), ...tried],
      metadata: withAttempts(call.metadata, previous),
    };
  }

  #answered(attempt: Attempt, reply: Reply): void {
    if (this.#settled) {
      // nobody wants it any more, and resetting its stream was not allowed
      reply.body.read({
        onData: (chunk) => {
          reply.body.credit(chunk.length);
        },
        onEnd() {},
        onError() {},
      });
      return;
    }
    if (failureOf(reply) !== undefined) {
      this.#failed(attempt, { reply });
      return;
    }
    attempt.over = true;
    const { clock, observer, mayReset } = this.#deps;
    const nowMs = clock();
    if (reply.body.bytes > 0) this.#kind.answered(reply.from, nowMs - attempt.startedMs);
    for (const other of this.#attempts) {
      if (other.over) continue;
      this.#kind.gaveUp(other.backend, nowMs - other.startedMs);
      if (mayReset(other.backend)) other.cancellation.cancel(lost);
    }
    if (attempt !== this.#attempts[0]) observer.hedged(this.#attempts[0]?.backend ?? '', 'won');
    this.#keepCancelling(attempt, reply);
    this.#settle();
    this.#resolve(reply);
  }

  #failed(attempt: Attempt, failure: { readonly reply: Reply } | { readonly reason: unknown }): void {
    attempt.over = true;
    if (this.#settled) return;
    // a hedge's failure is nobody's business while the first attempt may still succeed
    if (attempt === this.#attempts[0] || this.#failure === undefined) this.#failure = failure;
    if (this.#attempts.some(({ over }) => !over)) return;
    const told = this.#failure;
    this.#settle();
    if ('reply' in told) this.#resolve(told.reply);
    else this.#reject(told.reason);
  }

  /** The winner's body may still be on its way when the client leaves. */
  #keepCancelling(attempt: Attempt, reply: Reply): void {
    if (reply.body.done) return;
    const unlink = this.#call.cancellation.onCancel((reason) => {
      attempt.cancellation.cancel(reason);
    });
    reply.body.whenDone(unlink);
  }

  #settle(): void {
    this.#settled = true;
    this.#disarm();
    this.#call.cancellation.unlisten(this);
  }
}

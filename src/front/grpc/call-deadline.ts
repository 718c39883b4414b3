/** How long a gRPC call may take, and how slow its client may be. */
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { getMetadata, never } from '../../call/index.ts';
import { MinBodyRate } from '../min-body-rate.ts';
import { moreTimeOf, timeoutOf } from '../timeout.ts';
import { onItsWayBytes, RequestAccount } from './request-account.ts';
import { atTurnsEnd, type UnresolvedCall } from './target-timeout.ts';

/** A gRPC call at the server, with its deadline, its minimum body rate and the timer of one whose model is not known. */
export abstract class CallDeadline extends RequestAccount implements UnresolvedCall {
  protected deadline = never;
  /** Of a call whose model is not known yet. */
  #timer: NodeJS.Timeout | undefined;
  /** Made when somebody looks. */
  #pace: MinBodyRate | undefined;

  /**
   * The deadline that the client has asked for, or the configured one.
   * @throws StatusError INTERNAL: a grpc-timeout that is none
   */
  protected startDeadline(): void {
    const { options, clock } = this.deps;
    const timeoutMs = timeoutOf(this.head.method, this.#asked(), options.timeouts);
    if (timeoutMs !== never) this.deadline = clock() + timeoutMs;
  }

  /** A model may have more time than others. */
  protected extendDeadline(model: string): void {
    const { timeouts } = this.deps.options;
    if (timeouts.byModel !== undefined && !this.head.method.streaming)
      this.deadline += moreTimeOf(model, this.#asked(), timeouts);
  }

  /** The request waits for its target: the deadline filter does not have it yet. */
  protected watchTarget(): void {
    if (this.deadline !== never) atTurnsEnd(this);
  }

  /** The target is known, or nobody wants to know it any more. */
  protected clearTimer(): void {
    clearTimeout(this.#timer);
  }

  stillWaits(): void {
    if (this.reply.over || this.request !== undefined) return;
    this.#timer = setTimeout(
      guarded('stream', () => {
        this.refuse(exceeded('it is not known yet which model is asked'));
      }),
      // it may have passed while the turn went on
      Math.max(0, this.deadline - this.deps.clock()),
    );
  }

  /**
   * An answer must be read until the deadline. A message that somebody waits for must come at a pace, whether it is
   * kept for another attempt or not: only the later ones of a stream may take their time.
   */
  onTick(): void {
    const { observer, clock, options } = this.deps;
    if (this.reply.over && this.stream.queuedBytes > 0 && clock() >= this.deadline) {
      observer.limited('slow reader');
      this.reply.expire(exceeded('the answer was not read'));
      return;
    }
    if (this.requestEnded || this.reply.over) return;
    if (this.head.method.streaming && this.request?.started === true) return;
    this.#pace ??= new MinBodyRate(options.pace, clock);
    try {
      this.#pace.check(this.received, this.uncreditedBytes > onItsWayBytes);
    } catch (reason) {
      observer.limited('slow body');
      this.refuse(reason);
    }
  }

  /** grpc-timeout, as it came. */
  #asked(): string | undefined {
    return this.head.timeout ?? getMetadata(this.stream.varying, 'grpc-timeout');
  }
}

const exceeded = (why: string): StatusError =>
  new StatusError(Code.DEADLINE_EXCEEDED, `deadline exceeded: ${why}`);

/**
 * What a peer may do without end and without cost, counted: beyond the limits the connection ends with
 * ENHANCE_YOUR_CALM.
 */
import { TokenBucket } from '../../base/token-bucket.ts';
import type { ConnectionLimit } from '../limit-names.ts';
import { ConnectionError, ErrorCode } from '../constants.ts';
import type { Http2Limits } from './limits.ts';

/**
 * A client with a thousand calls keeps most of them waiting for a place. When their deadlines strike it cancels all,
 * and those that then get a place come and go in the same moment: so many for each that has had one.
 */
const unbegunForOne = 4;

/** @param limit its name in the metrics */
export function flood(limit: ConnectionLimit): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `too many ${limit}`, limit);
}

/**
 * Token buckets of one connection against floods of empty frames and of resets; its methods throw
 * ConnectionError ENHANCE_YOUR_CALM beyond a limit.
 */
export class AbuseLimits {
  readonly #frames: TokenBucket;
  readonly #resets: TokenBucket;
  readonly #updatesPerFrame: number;
  readonly #prematureMs: number;
  readonly #clock: () => number;
  #nowMs = Number.NaN;
  #updates = 0;
  #lateResets = 0;

  constructor(limits: Http2Limits, clock: () => number) {
    this.#clock = clock;
    this.#prematureMs = limits.prematureMs;
    this.#frames = new TokenBucket(limits.burstFrames, limits.framesPerSecond, clock);
    this.#resets = new TokenBucket(limits.burstResets, limits.resetsPerSecond, clock);
    this.#updatesPerFrame = limits.updatesPerFrame;
  }

  /** A frame that carries nothing. @throws ConnectionError */
  frame(limit: ConnectionLimit): void {
    if (!this.#frames.take()) throw flood(limit);
  }

  /** The clock is looked at once for all that comes in one read. */
  newRead(): void {
    this.#nowMs = Number.NaN;
  }

  get nowMs(): number {
    if (Number.isNaN(this.#nowMs)) this.#nowMs = this.#clock();
    return this.#nowMs;
  }

  /**
   * The peer has cancelled a stream. One that has lived for a while took a place among those that are allowed at
   * once, so that there cannot be too many: a client whose deadlines strike has hundreds. @throws ConnectionError
   */
  cancelled(openedMs: number): void {
    if (this.nowMs - openedMs < this.#prematureMs) this.reset();
    else this.#resets.give(unbegunForOne);
  }

  /**
   * The peer has cancelled a stream that is over: the two ends may pass each other, once a stream.
   * @throws ConnectionError
   */
  cancelledLate(opened: number): void {
    if (++this.#lateResets > opened) this.frame('RST_STREAM');
  }

  /** A stream has ended as it should: the peer may cancel one more. */
  served(): void {
    this.#resets.give(1);
  }

  /** The peer has reset a stream too early, or broken a rule so that this end had to. @throws ConnectionError */
  reset(): void {
    if (!this.#resets.take()) throw flood('resets');
  }

  /** A WINDOW_UPDATE came. @param sent streams and DATA frames so far: each is worth a few. @throws ConnectionError */
  update(sent: number): void {
    if (++this.#updates > this.#updatesPerFrame * (sent + 1)) this.frame('WINDOW_UPDATE');
  }
}

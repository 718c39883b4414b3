/** What a peer may do without end and without cost, counted: beyond the limits the connection ends with ENHANCE_YOUR_CALM. */
import { ConnectionError, ErrorCode } from './constants.ts';
import { Allowance, type Http2Limits } from './limits.ts';

/** @param limit its name in the metrics */
export function flood(limit: string): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `too many ${limit}`, limit);
}

export class Floods {
  readonly #frames: Allowance;
  readonly #resets: Allowance;
  readonly #updatesPerFrame: number;
  #updates = 0;

  constructor(limits: Http2Limits, clock: () => number) {
    this.#frames = new Allowance(limits.burstFrames, limits.framesPerSecond, clock);
    this.#resets = new Allowance(limits.burstResets, limits.resetsPerSecond, clock);
    this.#updatesPerFrame = limits.updatesPerFrame;
  }

  /** A frame that carries nothing. @throws ConnectionError */
  frame(limit: string): void {
    if (!this.#frames.take()) throw flood(limit);
  }

  /** The peer has reset a stream, or broken a rule so that this end had to. @throws ConnectionError */
  reset(): void {
    if (!this.#resets.take()) throw flood('resets');
  }

  /** A WINDOW_UPDATE came. @param sent streams and DATA frames so far: each is worth a few. @throws ConnectionError */
  update(sent: number): void {
    if (++this.#updates > this.#updatesPerFrame * (sent + 1)) this.frame('WINDOW_UPDATE');
  }
}

/** Caps how often the gateway as a whole looks at backends: a place in time for each look, in two lanes. */
import type { Clock } from '../../base/clock.ts';

/**
 * Rate limiter of the health probes of a gateway: two lanes, each with half of the rate and a burst of about one
 * second's worth.
 */
export class ProbeRateLimiter {
  readonly #clock: Clock;
  /** Between two looks of one lane, in ms; each lane has half of the rate. */
  readonly #spacingMs: number;
  readonly #burst: number;
  readonly #nextMs = { urgent: 0, routine: 0 };

  /** @param perSecond looks of both lanes together; a second's worth may come at once */
  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#burst = Math.max(1, perSecond / 2);
    this.#spacingMs = 2000 / perSecond;
  }

  /**
   * Takes the next place of a lane.
   * @param lane "urgent" for models that load and backends that are down, so that many healthy ones do not delay these
   * @returns how long to wait for it, in ms
   */
  reserve(lane: 'urgent' | 'routine'): number {
    const now = this.#clock();
    const earliest = now - this.#burst * this.#spacingMs;
    const at = Math.max(this.#nextMs[lane], earliest);
    this.#nextMs[lane] = at + this.#spacingMs;
    return Math.max(0, at - now);
  }
}

/**
 * Which HTTP server answers errors where the others do not. A request that passes as it is cannot be asked of another
 * server to see whose fault an error is, and a client can provoke 502 to 504 and silence as often as it likes; but it
 * provokes them at all servers alike, since it does not choose. So a server's errors are held against it only while
 * its share is another than that of the others.
 */
import type { Clock } from '../../base/clock.ts';
import { Tally } from '../balance/tally.ts';
import type { EjectionOptions } from '../options.ts';

/**
 * Of 100 requests: by how much more than the others'. Chance alone gives it to nobody at 20 requests each (five
 * standard deviations).
 */
const minDifference = 80;

/**
 * Compares the error share of each HTTP server in the last 10 s with that of all others together. An error counts
 * against a server when its share is at least 80 percentage points higher and both sides have `minCalls` requests.
 */
export class ErrorShares {
  readonly #options: () => Pick<EjectionOptions, 'minCalls'>;
  readonly #clock: Clock;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: () => Pick<EjectionOptions, 'minCalls'>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** An answer came, or none in time. @returns whether an error is held against the server */
  count(server: string, error: boolean): boolean {
    const now = this.#clock();
    let tally = this.#tallies.get(server);
    if (tally === undefined) this.#tallies.set(server, (tally = new Tally()));
    tally.count(error, now);
    if (!error) return false;
    const own = tally.counts(now);
    const others = { calls: 0, failed: 0 };
    for (const [name, each] of this.#tallies) {
      if (name === server) continue;
      const { calls, failed } = each.counts(now);
      others.calls += calls;
      others.failed += failed;
    }
    const { minCalls } = this.#options();
    if (own.calls < minCalls || others.calls < minCalls) return false;
    return (100 * own.failed) / own.calls - (100 * others.failed) / others.calls >= minDifference;
  }

  /** It is well again, as its health check says. */
  clear(server: string): void {
    this.#tallies.delete(server);
  }
}

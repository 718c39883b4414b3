/** Who holds the places of an HTTP fleet, and who must wait or give one up while others want one. */
import { addressOf, networkOf } from '../../base/addresses.ts';
import type { Clock } from '../../base/clock.ts';
import type { HttpHolder } from '../../call/index.ts';

/** Whoever was refused wants a place for so long, in ms: it was told to come again after a second. */
const wantedMs = 2000;
/** A request whose body is so far behind its pace gives its place up, in ms. */
const stalledMs = 1000;
/** Clients that were refused and may not come again must not pile up. */
const maxWanting = 10_000;

/**
 * Divides the places of an HTTP fleet among clients: while others were refused in the last 2 s, a client may hold an
 * equal share. A client is an IPv4 address or an IPv6 /64, or one connection of a trusted address.
 */
export class Shares {
  readonly #isTrusted: (address: string) => boolean;
  readonly #clock: Clock;
  readonly #holders = new Map<HttpHolder, () => void>();
  readonly #held = new Map<string, number>();
  /** When a client was refused last. */
  readonly #wanting = new Map<string, number>();

  constructor(isTrusted: (address: string) => boolean, clock: Clock) {
    this.#isTrusted = isTrusted;
    this.#clock = clock;
  }

  #clientOf({ peer }: HttpHolder): string {
    const address = addressOf(peer);
    return this.#isTrusted(address) ? peer : networkOf(address);
  }

  /** One place more is held. @param end gives it back. @returns what must be told when it is given back */
  take(holder: HttpHolder, end: () => void): () => void {
    const client = this.#clientOf(holder);
    this.#holders.set(holder, end);
    this.#held.set(client, (this.#held.get(client) ?? 0) + 1);
    if (this.#wanting.size > 0) this.#wanting.delete(client);
    return () => {
      if (this.#holders.get(holder) === end) this.#holders.delete(holder);
      const left = (this.#held.get(client) ?? 0) - 1;
      if (left > 0) this.#held.set(client, left);
      else this.#held.delete(client);
    };
  }

  /** There is no place for this one. */
  refused(holder: HttpHolder): void {
    if (this.#wanting.size >= maxWanting) this.#wanting.clear();
    this.#wanting.set(this.#clientOf(holder), this.#clock());
  }

  /** Others want a place, and its client has its share of all places already. */
  hasEnough(holder: HttpHolder, places: number): boolean {
    if (this.#wanting.size === 0) return false;
    const client = this.#clientOf(holder);
    const nowMs = this.#clock();
    for (const [each, atMs] of this.#wanting) if (nowMs - atMs > wantedMs) this.#wanting.delete(each);
    const others = this.#wanting.size - (this.#wanting.has(client) ? 1 : 0);
    if (others === 0) return false;
    let clients = this.#held.size + (this.#held.has(client) ? 0 : 1);
    for (const each of this.#wanting.keys()) if (!this.#held.has(each) && each !== client) clients++;
    return (this.#held.get(client) ?? 0) >= Math.ceil(places / clients);
  }

  /**
   * The place of the request whose client is furthest behind is given back. Undefined when all come at a pace, or are
   * here.
   */
  stalled(): { readonly holder: HttpHolder; readonly end: () => void } | undefined {
    let found: { readonly holder: HttpHolder; readonly end: () => void } | undefined;
    let most = stalledMs;
    for (const [holder, end] of this.#holders) {
      const { behindMs } = holder;
      if (behindMs < most) continue;
      most = behindMs;
      found = { holder, end };
    }
    return found;
  }
}

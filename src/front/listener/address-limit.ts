/** Connections of one address to one door: no client alone takes all of them. */
import { ipOf, networkOf } from '../../base/addresses.ts';

const nothing = (): void => undefined;

export interface AddressLimits {
  readonly maxConnectionsPerAddress: number;
  /** For addresses that are left out. */
  readonly isTrusted: (address: string) => boolean;
}

/**
 * Limits the open connections per client network (an IPv4 address or an IPv6 /64) to `maxConnectionsPerAddress`;
 * trusted addresses are not counted.
 */
export class AddressLimit {
  readonly #limits: () => AddressLimits;
  readonly #counts = new Map<string, number>();

  /** @param limits those of now: a reload may change them */
  constructor(limits: () => AddressLimits) {
    this.#limits = limits;
  }

  /** One connection more of this address. Gives what says that it has ended; undefined when it is one too many. */
  enter(remoteAddress: string): (() => void) | undefined {
    const address = ipOf(remoteAddress);
    const { maxConnectionsPerAddress, isTrusted } = this.#limits();
    if (isTrusted(address)) return nothing;
    const key = networkOf(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= maxConnectionsPerAddress) return undefined;
    this.#counts.set(key, count + 1);
    return () => {
      const left = (this.#counts.get(key) ?? 0) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}

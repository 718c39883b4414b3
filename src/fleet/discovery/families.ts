/**
 * Servers that have an address in IPv4 and one in IPv6: which one names them, and which one is for when it cannot be
 * reached.
 */
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export type Family = 'ipv4' | 'ipv6';

/** Of one server. */
export interface Hosts {
  readonly host: string;
  /** Addresses of the other family. */
  readonly alternates?: readonly string[];
}

export const familyOf = (host: string): Family => (isIPv6(host) ? 'ipv6' : 'ipv4');

/** IPv4, unless this machine has addresses of IPv6 alone. */
export function ownFamily(interfaces = networkInterfaces()): Family {
  const outer = Object.values(interfaces).flatMap((each) => (each ?? []).filter(({ internal }) => !internal));
  const has = (family: 'IPv4' | 'IPv6'): boolean =>
    outer.some((each) => each.family === family && !each.address.startsWith('fe80:'));
  return has('IPv6') && !has('IPv4') ? 'ipv6' : 'ipv4';
}

/** What one server's addresses are, one of each family at the most. */
export function hostsOf(addresses: readonly string[], preferred: Family): Hosts {
  const [first = ''] = addresses;
  const host = addresses.find((address) => familyOf(address) === preferred) ?? first;
  const alternates = addresses.filter((address) => address !== host);
  return alternates.length === 0 ? { host } : { host, alternates };
}

/**
 * The servers behind a name. Nothing says which of its addresses belong together: one of each family is one server,
 * and of more than that one family's count, since each of these servers has an address in both as a rule.
 */
export function serversOf(
  addresses: readonly string[],
  family: Family | 'auto' | 'both',
  own: Family,
): Hosts[] {
  if (family === 'both') return addresses.map((host) => ({ host }));
  if (family !== 'auto')
    return addresses.filter((host) => familyOf(host) === family).map((host) => ({ host }));
  const preferred = addresses.filter((host) => familyOf(host) === own);
  const others = addresses.filter((host) => familyOf(host) !== own);
  if (preferred.length === 1 && others.length === 1) return [hostsOf(addresses, own)];
  return (preferred.length > 0 ? preferred : others).map((host) => ({ host }));
}

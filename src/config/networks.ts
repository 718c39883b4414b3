/** Lists of addresses and networks, as an operator writes them. */
import { BlockList, isIP } from 'node:net';
import type { Problem } from './problem.ts';

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Undefined when it is none. */
function networkIn(text: string): Network | undefined {
  const [address = '', bits] = text.split('/', 2) as [string, string?];
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return undefined;
  const most = version === 4 ? 32 : 128;
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most && text.split('/').length === 2))
    return undefined;
  return { address, bits: bits === undefined ? most : Number(bits), family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** Reports entries that are neither an IP address nor a network in CIDR notation. @param path of the list */
export function networkProblems(path: string, list: readonly string[]): Problem[] {
  return list.flatMap((text, i) =>
    networkIn(text) === undefined
      ? [
          {
            path: `${path}[${i}]`,
            message: `${text} is no address and no network (10.0.0.0/8, 2001:db8::/32)`,
          },
        ]
      : [],
  );
}

const nobody = (): boolean => false;
let newest: { readonly list: string; readonly isOne: (address: string) => boolean } | undefined;

/**
 * Whether an address is one of the list, which has been checked. The same function as long as the list is the same,
 * so that options can be compared.
 */
export function trustedBy(list: readonly string[]): (address: string) => boolean {
  if (list.length === 0) return nobody;
  const text = list.join();
  if (newest?.list !== text) newest = { list: text, isOne: among(list) };
  return newest.isOne;
}

function among(list: readonly string[]): (address: string) => boolean {
  const networks = new BlockList();
  for (const text of list) {
    const network = networkIn(text);
    if (network !== undefined) networks.addSubnet(network.address, network.bits, network.family);
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** IP addresses: their bytes, and how much of one tells clients apart. */

export const v4Bytes = (address: string): number[] => address.split('.').map(Number);

/** The 16 bytes. @param address as Node gives it: with one "::" at most, perhaps a dotted end and a zone */
export function v6Bytes(address: string): number[] {
  const [head = '', tail] = (address.split('%', 1)[0] as string).split('::') as [string, string?];
  const groups = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((group) => {
          if (group.includes('.')) return v4Bytes(group);
          const value = Number.parseInt(group, 16);
          return [value >>> 8, value & 0xff];
        });
  const first = groups(head);
  if (tail === undefined) return first;
  const last = groups(tail);
  return [...first, ...new Array<number>(16 - first.length - last.length).fill(0), ...last];
}

const mapped = '::ffff:';

/** IPv4 in IPv6, as a door for both has it, is IPv4. */
export function ipOf(address: string): string {
  return address.startsWith(mapped) && address.includes('.') ? address.slice(mapped.length) : address;
}

/** The address without its port, of "192.0.2.1:50000" or "2001:db8::1:50000". */
export function addressOf(peer: string): string {
  return ipOf(peer.slice(0, peer.lastIndexOf(':')));
}

/**
 * What one client has for itself: an IPv4 address, or the first 64 bits of an IPv6 one, the rest of which it may
 * choose (RFC 4291 §2.5.1).
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const bytes = v6Bytes(address);
  let text = '';
  for (let i = 0; i < 8; i++) text += (bytes[i] ?? 0).toString(16).padStart(2, '0');
  return `${text}/64`;
}

/**
 * Who may see the admin door in a browser: only pages that were opened by one of its own names. A page of another
 * site can let its own name point here (DNS rebinding) and is then of the same origin as the door, by Host, Origin
 * and Sec-Fetch-Site alike; it cannot do so with an address, or with a name that is not its own.
 */
import { isIP } from 'node:net';

/** The host of a Host field, without its port and in lower case; undefined when it is none. */
function hostOf(field: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:@/?#\s[\]]+))(?::[0-9]{1,5})?$/i.exec(field);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '');
}

/** @param names that the door has besides localhost and addresses, in any case */
export function hostCheck(names: readonly string[]): (field: string | undefined) => boolean {
  const own = new Set(['localhost', ...names.map((name) => name.toLowerCase().replace(/\.$/, ''))]);
  return (field) => {
    // browsers always say it; who does not is none
    if (field === undefined) return true;
    const host = hostOf(field);
    return host !== undefined && (isIP(host) !== 0 || own.has(host));
  };
}

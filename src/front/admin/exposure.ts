/** Whether the admin door is there for more people than operators. */
import { BlockList, isIP } from 'node:net';
import type { ListenOptions } from '../listener/index.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const isLoopback = (host: string): boolean => {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
};

/**
 * What to tell an operator whose clients can reach the admin door; undefined when they cannot, or have to show a
 * certificate.
 */
export function exposureOf(
  admin: Pick<ListenOptions, 'host' | 'port' | 'tls'>,
  { adminActions, clientHost }: { readonly adminActions: boolean; readonly clientHost: string },
): string | undefined {
  const { host, port, tls } = admin;
  const everywhere = host === '0.0.0.0' || host === '::' || host === '';
  if (tls?.clientCa !== undefined || (!everywhere && (isLoopback(host) || host !== clientHost)))
    return undefined;
  const may = `sees the fleet, the configuration and the metrics${adminActions ? ', and may drain backends' : ''}`;
  const where = everywhere ? 'on all addresses' : `on ${host}, as the doors for clients do`;
  return `the admin door listens ${where}: whoever reaches port ${port} ${may}. Give it an inner address (doors.adminHost), or close it (--admin-port 0)`;
}

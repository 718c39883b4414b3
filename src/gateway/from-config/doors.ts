/** The doors' part of a configuration. */
import { hostname } from 'node:os';
import { type Snapshot, trustedBy } from '../../config/index.ts';
import type { ListenOptions } from '../../front/index.ts';
import { defaultServerLimits } from '../../wire/index.ts';
import type { GatewayOptions } from '../options.ts';

/**
 * Maps the `doors` and `http2` sections to listener options; certificates and keys come from the snapshot's
 * files.
 */
export function doorsOf({ config, files }: Snapshot): GatewayOptions['doors'] {
  const { doors, http2 } = config;
  const isTrusted = trustedBy(doors.trustedProxies);
  const pem = (path: string): string => files.get(path) ?? '';
  const tls =
    doors.tls === undefined
      ? undefined
      : {
          cert: pem(doors.tls.cert),
          key: pem(doors.tls.key),
          ...(doors.tls.clientCa === undefined ? {} : { clientCa: pem(doors.tls.clientCa) }),
        };
  const door = (
    port: number,
    host: string,
    secure: ListenOptions['tls'],
    proxyProtocol: boolean,
  ): ListenOptions => ({
    host,
    port,
    tls: secure,
    http2: { ...defaultServerLimits, ...http2 },
    headersTimeoutMs: doors.headersTimeoutMs,
    keepAliveTimeoutMs: doors.keepAliveTimeoutMs,
    maxConnections: doors.maxConnections,
    maxConnectionsPerAddress: doors.maxConnectionsPerAddress,
    isTrusted,
    proxyProtocol,
    idleTimeoutMs: doors.idleTimeoutMs,
    writeTimeoutMs: doors.writeTimeoutMs,
  });
  const admin =
    doors.adminPort === 0
      ? undefined
      : // asked by machines beside it, not through the proxies
        door(
          doors.adminPort,
          doors.adminHost ?? doors.host,
          doors.tls?.admin === true ? tls : undefined,
          false,
        );
  const { adminActions, publicUrl } = doors;
  const adminNames = [
    ...doors.adminNames,
    hostname(),
    doors.host,
    ...(doors.adminHost === undefined ? [] : [doors.adminHost]),
  ];
  return {
    rest: door(doors.restPort, doors.host, tls, doors.proxyProtocol),
    grpc: door(doors.grpcPort, doors.host, tls, doors.proxyProtocol),
    admin,
    adminActions,
    adminNames,
    publicUrl,
  };
}

/**
 * How connections to Redis are made: one try each, no queue, no retries of a library; what goes wrong is its owner's
 * to deal with.
 */
import type { RedisOptions } from 'ioredis';
import type { RedisAddress } from '../../base/redis-url.ts';
import { GuardedConnector } from './connector.ts';

export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: boolean | undefined;
  /** Certificate authority (PEM) for TLS; without one, Node's list. */
  readonly ca?: string | undefined;
  readonly db?: number | undefined;
  readonly family?: number | undefined;
  readonly connectTimeoutMs: number;
}

/** How long a discarded connection may take to close in order, in ms. */
const closeTimeoutMs = 100;

/** Options for ioredis: TLS with SNI of the host, no offline queue, no reconnection, no retries, RESP2. */
export function ownOptions(
  { host, port }: RedisAddress,
  credentials: Credentials,
): Omit<RedisOptions, 'replyMapping'> {
  const { username, password, tls, ca, db, family, connectTimeoutMs } = credentials;
  return {
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === true || ca !== undefined
      ? { tls: { servername: host, ...(ca === undefined ? {} : { ca }) } }
      : {}),
    ...(family === undefined || family === 0 ? {} : { family }),
    db: db ?? 0,
    lazyConnect: true,
    Connector: GuardedConnector as never,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: closeTimeoutMs,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: null,
    // RESP2: every Redis since 2.0 speaks it, and the commands here gain nothing from RESP3.
    protocol: 2,
  };
}

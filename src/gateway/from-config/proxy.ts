/** The proxy's part of a configuration. */
import { type Config, proxyRoutes } from '../../config/index.ts';
import type { ProxyOptions } from '../../front/index.ts';

/**
 * Maps the `proxy` section, and the body pace of `doors`, to the HTTP proxy's options; a route without
 * `rewrite` keeps its prefix.
 */
export function proxyOf(config: Config): ProxyOptions {
  const { maxBodyBytes, headersTimeoutMs, idleTimeoutMs, maxDurationMs, maxAttempts } = config.proxy;
  return {
    routes: proxyRoutes(config).map(({ prefix, fleet, rewrite }) => ({
      prefix,
      fleet,
      rewrite: rewrite ?? prefix,
    })),
    maxBodyBytes,
    headersTimeoutMs,
    idleTimeoutMs,
    pace: {
      bodyTimeoutMs: config.doors.bodyTimeoutMs,
      minBodyBytesPerSecond: config.doors.minBodyBytesPerSecond,
    },
    maxDurationMs,
    maxAttempts,
  };
}

/** What is given for a whole gateway, as each of its workers holds it. */
import type { Config } from '../../config/index.ts';

/**
 * Divides what protects somebody else or promises a total: calls at a backend, calls that wait, second attempts that
 * are always allowed. Connections are shared out in turn, so workers have about the same to do. Left as they are:
 * shares (percentages), times, and what bounds the memory and the sockets of one process.
 */
export function perWorker(config: Config, workers: number): Config {
  if (workers === 1) return config;
  const part = (total: number): number => Math.max(1, Math.ceil(total / workers));
  const { fleets, retry, hedge, queue, proxy } = config;
  return {
    ...config,
    fleets: Object.fromEntries(
      Object.entries(fleets).map(([name, fleet]) => {
        const { concurrency } = fleet;
        const { maxInFlight, minInFlight, maxStreams } = concurrency;
        const divided = {
          ...concurrency,
          // what is left to the gateway is divided where it is decided
          maxInFlight: maxInFlight === 'auto' ? maxInFlight : part(maxInFlight),
          minInFlight: part(minInFlight),
          maxStreams: part(maxStreams),
        };
        return [name, { ...fleet, concurrency: divided }];
      }),
    ),
    retry: { ...retry, budgetMinPerSecond: retry.budgetMinPerSecond / workers },
    hedge: { ...hedge, budgetMinPerSecond: hedge.budgetMinPerSecond / workers },
    queue: { ...queue, maxLength: part(queue.maxLength) },
    proxy: { ...proxy, maxInFlight: part(proxy.maxInFlight) },
  };
}

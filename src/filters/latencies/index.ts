/** How long calls take, by model, version and size. */
export { LatencyClass, LatencyStats } from './latency-stats.ts';
export { messageBytes } from './size.ts';

/** What several processes of one gateway share. */
export { type DrainChange, followDrains, tellDrained } from './drains.ts';
export { type Counted, textsOf } from './kept-counts.ts';
export type { Peers } from './peers.ts';
export { runWorkers } from './primary.ts';
export { processPeers, tellLeaving, workerCount } from './process.ts';
export type { ReloadStatus } from './reload-status.ts';
export { ownReloads, type Reloads, type Sources, startReloads } from './reloads.ts';
export { shareProbes } from './shared-probes.ts';
export { mergeFleets, mergeTotals, SharedTraffic } from './views.ts';

/** What several processes of one gateway share. */
export { followDrains, tellDrained } from './drains.ts';
export { type Counted, textsOf } from './kept-counts.ts';
export { processPeers, tellLeaving, workerCount } from './process.ts';
export type { Peers } from './peers.ts';
export { runWorkers } from './primary.ts';
export type { ReloadStatus } from './reload-status.ts';
export { ownReloads, type Reloads, type Sources, startReloads } from './reloads.ts';
export { shareSights, type ShareSight } from './sights.ts';
export { mergeFleets, type FleetView, mergeTotals, SharedTraffic } from './views.ts';

/** What several processes of one gateway share. */
export { accepted, type Sources, tellAccepted } from './accepted.ts';
export { followDrains, tellDrained } from './drains.ts';
export { type Counted, textsOf } from './kept-counts.ts';
export { processPeers, tellLeaving, workerCount } from './process.ts';
export type { Peers } from './peers.ts';
export { runWorkers } from './primary.ts';
export { shareSights, type ShareSight } from './sights.ts';
export { mergeFleets, type FleetView, mergeTotals, SharedTraffic } from './views.ts';

/** The wiring: the one room that knows every other. */
export { gatewayOptions } from './from-config/index.ts';
export { type Gateway, startGateway } from './lifecycle.ts';
export {
  followDrains,
  mergeFleets,
  mergeTotals,
  ownReloads,
  processPeers,
  type Reloads,
  runWorkers,
  SharedTraffic,
  type Sources,
  startReloads,
  tellDrained,
  tellLeaving,
  workerCount,
} from './workers/index.ts';

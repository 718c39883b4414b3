/** The channel between this worker and its primary: node:cluster's. */
import cluster from 'node:cluster';
import { after } from '../call/index.ts';
import { countVariable, opened, type ToWorker } from './messages.ts';
import { createPeers, type Peers } from './peers.ts';

/** For one answer of another worker, in ms: one that takes longer is stuck, and the others go on without it. */
const timeoutMs = 1000;

/** The other workers; undefined in a gateway of one process. */
export function processPeers(): Peers | undefined {
  const { worker } = cluster;
  if (cluster.isPrimary || worker === undefined) return undefined;
  const peers = createPeers({
    send(message) {
      // a primary that is gone takes its workers with it soon
      if (worker.isConnected()) worker.send({ tensorgate: message });
    },
    after,
    timeoutMs,
  });
  process.on('message', (message) => {
    const inner = opened<ToWorker>(message);
    if (inner !== undefined) peers.receive(inner);
  });
  return peers;
}

/** How many workers this gateway has, this one included. */
export function workerCount(): number {
  const said = cluster.isWorker ? Number(process.env[countVariable]) : 1;
  return Number.isInteger(said) && said > 0 ? said : 1;
}

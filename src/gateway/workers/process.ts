/** The channel between this worker and its primary: node:cluster's. */
import cluster from 'node:cluster';
import { guarded } from '../../base/faults.ts';
import { after } from '../../base/timer-wheel.ts';
import { countVariable, leaving, opened, type ToWorker } from './messages.ts';
import { createPeers, type Peers } from './peers.ts';

/** For one answer of another worker, in ms: one that takes longer is stuck, and the others go on without it. */
const timeoutMs = 1000;

/** For a channel that has just broken: without a callback it would be an 'error' event of the process. */
const ignore = (): void => undefined;

/** The other workers; undefined in a gateway of one process. */
export function processPeers(): Peers | undefined {
  const { worker } = cluster;
  if (cluster.isPrimary || worker === undefined) return undefined;
  const peers = createPeers({
    id: worker.id,
    send(message, sent = ignore) {
      // a primary that is gone takes its workers with it soon
      if (worker.isConnected()) worker.send({ tensorgate: message }, sent);
      else sent();
    },
    after,
    timeoutMs,
  });
  process.on(
    'message',
    guarded('worker', (message: unknown) => {
      const inner = opened<ToWorker>(message);
      if (inner !== undefined) peers.receive(inner);
    }),
  );
  return peers;
}

/** How many workers this gateway has, this one included. */
export function workerCount(): number {
  const said = cluster.isWorker ? Number(process.env[countVariable]) : 1;
  return Number.isInteger(said) && said > 0 ? said : 1;
}

/**
 * This worker ends by itself, and in order: the primary starts another at once. Nothing in a gateway of one process.
 */
export function tellLeaving(): void {
  const { worker } = cluster;
  if (!cluster.isPrimary && worker?.isConnected() === true) worker.send(leaving, ignore);
}

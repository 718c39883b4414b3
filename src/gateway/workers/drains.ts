/**
 * Draining with several workers: the admin door of one is asked, and all of them have to know, those that start later
 * too.
 */
import cluster, { type Worker } from 'node:cluster';
import { guarded } from '../../base/faults.ts';

/** An operator takes a backend out of the choice, or back in. */
export interface DrainChange {
  readonly fleet: string;
  readonly backend: string;
  readonly drained: boolean;
}

/** A gateway as far as it is drained by others. */
export interface Drainable {
  setDrained(change: DrainChange): boolean;
}

/** What workers and the first process tell each other. */
type Message =
  { readonly type: 'drained'; readonly change: DrainChange } | { readonly type: 'what-is-drained' };

/** For a channel that has just broken: without a callback it would be an 'error' event of the process. */
const ignore = (): void => undefined;

function tellPrimary(message: Message): void {
  if (process.connected) process.send?.(message, undefined, {}, ignore);
}

function isMessage(value: unknown): value is Message {
  const type = (value as { type?: unknown } | null)?.type;
  return type === 'drained' || type === 'what-is-drained';
}

/** In the first process: passes a change on to the other workers, and remembers it for the next one. */
export function relayDrains(): void {
  const drained = new Map<string, DrainChange>();
  const onMessage = (from: Worker, message: unknown): void => {
    if (!isMessage(message)) return;
    if (message.type === 'what-is-drained') {
      for (const change of drained.values())
        if (from.isConnected()) from.send({ type: 'drained', change } satisfies Message, ignore);
      return;
    }
    const { change } = message;
    const key = JSON.stringify([change.fleet, change.backend]);
    if (change.drained) drained.set(key, change);
    else drained.delete(key);
    for (const worker of Object.values(cluster.workers ?? {}))
      if (worker !== undefined && worker !== from && worker.isConnected()) worker.send(message, ignore);
  };
  cluster.on('message', guarded('worker', onMessage));
}

/** In a worker: tells the others of a change; undefined where there are no others. */
export const tellDrained: ((change: DrainChange) => void) | undefined = cluster.isWorker
  ? (change) => {
      tellPrimary({ type: 'drained', change });
    }
  : undefined;

/** In a worker: does as the others did. */
export function followDrains(gateway: Drainable): void {
  if (!cluster.isWorker) return;
  process.on(
    'message',
    guarded('worker', (message: unknown) => {
      if (isMessage(message) && message.type === 'drained') gateway.setDrained(message.change);
    }),
  );
  tellPrimary({ type: 'what-is-drained' });
}

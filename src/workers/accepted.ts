/**
 * The configuration that is in force, kept by the first process: a worker starts with it, whatever has become of the files. What those
 * hold when one takes another's place may be wrong, or need a restart.
 */
import cluster, { type Worker } from 'node:cluster';
import { guarded } from '../faults.ts';

/** The text of each file, by path. */
export type Sources = ReadonlyMap<string, string>;

type Message =
  { readonly type: 'accepted'; readonly sources: Sources } | { readonly type: 'what-is-accepted' };

/** For a channel that has just broken: without a callback it would be an 'error' event of the process. */
const ignore = (): void => undefined;

function isMessage(value: unknown): value is Message {
  const type = (value as { type?: unknown } | null)?.type;
  return type === 'accepted' || type === 'what-is-accepted';
}

/** In the first process. @param first what it has read itself @returns what it keeps */
export function keepAccepted(first: Sources): () => Sources {
  let kept = first;
  const onMessage = (from: Worker, message: unknown): void => {
    if (!isMessage(message)) return;
    if (message.type === 'accepted') kept = message.sources;
    else if (from.isConnected()) from.send({ type: 'accepted', sources: kept } satisfies Message, ignore);
  };
  cluster.on('message', guarded('worker', onMessage));
  return () => kept;
}

function tellPrimary(message: Message): void {
  if (cluster.isWorker && process.connected) process.send?.(message, undefined, {}, ignore);
}

/** In a worker: it has applied these. Nothing in a gateway of one process. */
export function tellAccepted(sources: Sources): void {
  tellPrimary({ type: 'accepted', sources });
}

/** In a worker that starts: what it has to start with. Undefined in a gateway of one process. */
export function accepted(): Promise<Sources | undefined> {
  return new Promise((resolve) => {
    if (!cluster.isWorker) {
      resolve(undefined);
      return;
    }
    const onMessage = (message: unknown): void => {
      if (!isMessage(message) || message.type !== 'accepted') return;
      process.off('message', onMessage);
      resolve(message.sources);
    };
    process.on('message', onMessage);
    // without the first process there is no worker for long
    tellPrimary({ type: 'what-is-accepted' });
  });
}

/**
 * Reloads of several workers as one. The first process keeps the configuration that is in force, and a worker starts
 * with it, whatever has become of the files: what those hold when one takes another's place may be wrong, or need a
 * restart. It keeps what has been refused, too, and tells every worker.
 */
import cluster, { type Worker } from 'node:cluster';
import { guarded } from '../../base/faults.ts';
import { ReloadOutcomes, type ReloadStatus } from './reload-status.ts';

/** The text of each file, by path. */
export type Sources = ReadonlyMap<string, string>;

/** Moments are of the wall clock, in ms since 1970: they are shown, and compared between processes of one machine. */
type FromWorker =
  | { readonly type: 'reload-accepted'; readonly at: number; readonly sources: Sources }
  | { readonly type: 'reload-refused'; readonly at: number; readonly message: string }
  | { readonly type: 'what-is-accepted' };
type ToWorker =
  | { readonly type: 'accepted'; readonly sources: Sources; readonly status: ReloadStatus }
  | { readonly type: 'reload-status'; readonly status: ReloadStatus };

/** For a channel that has just broken: without a callback it would be an 'error' event of the process. */
const ignore = (): void => undefined;

const typeOf = (message: unknown): unknown => (message as { type?: unknown } | null)?.type;
const isFromWorker = (message: unknown): message is FromWorker =>
  ['reload-accepted', 'reload-refused', 'what-is-accepted'].includes(String(typeOf(message)));
const isToWorker = (message: unknown): message is ToWorker =>
  ['accepted', 'reload-status'].includes(String(typeOf(message)));

/** In the first process. @param first what it has read itself @returns what is in force */
export function keepAccepted(first: Sources): () => Sources {
  let kept = first;
  const outcomes = new ReloadOutcomes(Date.now());
  const tell = (worker: Worker, message: ToWorker): void => {
    if (worker.isConnected()) worker.send(message, ignore);
  };
  const tellAll = (): void => {
    const { status } = outcomes;
    for (const worker of Object.values(cluster.workers ?? {}))
      if (worker !== undefined) tell(worker, { type: 'reload-status', status });
  };
  const onMessage = (from: Worker, message: unknown): void => {
    if (!isFromWorker(message)) return;
    switch (message.type) {
      case 'what-is-accepted':
        tell(from, { type: 'accepted', sources: kept, status: outcomes.status });
        break;
      case 'reload-accepted':
        kept = message.sources;
        outcomes.accepted(from.id, message.at);
        tellAll();
        break;
      case 'reload-refused':
        outcomes.refused(from.id, message.at, message.message);
        tellAll();
    }
  };
  cluster.on('message', guarded('worker', onMessage));
  cluster.on(
    'exit',
    guarded('worker', (worker: Worker) => {
      if (outcomes.ended(worker.id)) tellAll();
    }),
  );
  return () => kept;
}

/** What this process has to say of reloads, and hears of those of all. */
export interface Reloads {
  /** Of all workers. */
  readonly status: ReloadStatus;
  onChange(listener: (status: ReloadStatus) => void): void;
  /** This process has applied what these files hold. */
  accepted(sources: Sources): void;
  /**
   * It has not, and why: every mistake, a line each.
   * @param since when that was found out first, in ms since 1970; now when absent
   */
  refused(message: string, since?: number): void;
}

/** Of a gateway of one process. */
export function ownReloads(now: () => number = Date.now): Reloads {
  const outcomes = new ReloadOutcomes(now());
  let changed: (status: ReloadStatus) => void = () => undefined;
  return {
    get status() {
      return outcomes.status;
    },
    onChange(listener) {
      changed = listener;
    },
    accepted() {
      outcomes.accepted(0, now());
      changed(outcomes.status);
    },
    refused(message, since = now()) {
      outcomes.refused(0, since, message);
      changed(outcomes.status);
    },
  };
}

/** @returns what a worker has to start with; nothing in a gateway of one process, which reads its files itself */
export function startReloads(): Promise<{ readonly reloads: Reloads; readonly sources?: Sources }> {
  if (!cluster.isWorker) return Promise.resolve({ reloads: ownReloads() });
  const tellFirst = (message: FromWorker): void => {
    if (process.connected) process.send?.(message, undefined, {}, ignore);
  };
  return new Promise((resolve) => {
    let status: ReloadStatus = { acceptedAt: Date.now() };
    let changed: (status: ReloadStatus) => void = () => undefined;
    const reloads: Reloads = {
      get status() {
        return status;
      },
      onChange(listener) {
        changed = listener;
      },
      accepted(sources) {
        tellFirst({ type: 'reload-accepted', at: Date.now(), sources });
      },
      refused(message, since = Date.now()) {
        tellFirst({ type: 'reload-refused', at: since, message });
      },
    };
    const onMessage = (message: unknown): void => {
      if (!isToWorker(message)) return;
      ({ status } = message);
      if (message.type === 'accepted') resolve({ reloads, sources: message.sources });
      else changed(status);
    };
    process.on('message', guarded('worker', onMessage));
    // without the first process there is no worker for long
    tellFirst({ type: 'what-is-accepted' });
  });
}

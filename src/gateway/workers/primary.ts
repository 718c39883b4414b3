/** `--workers`: several processes behind the same ports; the first one only watches over the others. */
import cluster, { type Worker } from 'node:cluster';
import { guarded } from '../../base/faults.ts';
import { say } from '../../base/stdio.ts';
import { mergeRenderings } from '../../telemetry/index.ts';
import { relayDrains } from './drains.ts';
import { KeptCounts } from './kept-counts.ts';
import { createMessageRelay, type HubWorker } from './message-relay.ts';
import { countVariable, type FromWorker, opened, saysLeaving } from './messages.ts';
import { keepAccepted, type Sources } from './reloads.ts';

/** A worker that ends by itself is started again after this, doubled with each early end, in ms. */
const firstRestartMs = 200;
const maxRestartMs = 10_000;
/** A worker that ran this long had a good start, in ms. */
const goodStartMs = 10_000;

const hubWorker = (worker: Worker): HubWorker => ({
  id: worker.id,
  send(message) {
    if (worker.isConnected()) worker.send({ tensorgate: message }, () => undefined);
  },
});

/** Passes on what workers say to each other; the one that has served longest leads. */
function connectWorkers(): void {
  const serving = new Map<number, HubWorker>();
  const counts = new KeptCounts(mergeRenderings);
  const hub = createMessageRelay(() => [...serving.values()], counts);
  cluster.on('listening', (worker: Worker) => {
    if (!serving.has(worker.id)) serving.set(worker.id, hubWorker(worker));
  });
  cluster.on('exit', (worker: Worker) => {
    serving.delete(worker.id);
    // what it has said last may still be in the channel
    if (worker.isConnected())
      worker.once(
        'disconnect',
        guarded('worker', () => {
          counts.ended(worker.id);
        }),
      );
    else counts.ended(worker.id);
  });
  cluster.on(
    'message',
    guarded('worker', (worker: Worker, message: unknown) => {
      const inner = opened<FromWorker>(message);
      if (inner !== undefined) hub(serving.get(worker.id) ?? hubWorker(worker), inner);
    }),
  );
}

export interface RunWorkersOptions {
  /** The text of each file of the configuration that they start with, by path. */
  readonly sources: Sources;
  /**
   * The most that the end of a worker takes after a signal, in ms; one that is stuck is killed then.
   * @param accepted the configuration that they have now
   */
  readonly endMs: (accepted: Sources) => number;
}

/** Resolves when all workers have ended after a signal. */
export function runWorkers(count: number, { sources, endMs }: RunWorkersOptions): Promise<number> {
  // 64-bit numbers and bytes go over the channel as they are
  cluster.setupPrimary({ serialization: 'advanced' });
  connectWorkers();
  return new Promise((resolve) => {
    relayDrains();
    const accepted = keepAccepted(sources);
    let stopping = false;
    let endCode = 0;
    let restartMs = firstRestartMs;
    const started = new Map<number, number>();
    let speaker: Worker | undefined;
    /** The oldest one says what all of them see: from its start on, before it serves. */
    const chooseSpeaker = (gone?: Worker): void => {
      [speaker] = Object.values(cluster.workers ?? {}).filter(
        (worker) => worker !== gone && worker?.isConnected() === true,
      );
      if (speaker !== undefined) hubWorker(speaker).send({ kind: 'speak' });
    };
    const fork = (): void => {
      const worker = cluster.fork({ [countVariable]: String(count) });
      started.set(worker.id, performance.now());
      if (speaker === undefined) chooseSpeaker();
    };
    const forward = (signal: NodeJS.Signals): void => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
    };
    /** Ends all workers, in order or not. */
    const end = (signal: NodeJS.Signals): void => {
      if (!stopping)
        setTimeout(() => {
          forward('SIGKILL');
        }, endMs(accepted())).unref();
      stopping = true;
      forward(signal);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        end(signal);
      });
    }
    process.on('SIGHUP', () => {
      forward('SIGHUP');
    });
    const replace = (worker: Worker): void => {
      const ranMs = performance.now() - (started.get(worker.id) ?? 0);
      started.delete(worker.id);
      restartMs = ranMs > goodStartMs ? firstRestartMs : Math.min(maxRestartMs, restartMs * 2);
      setTimeout(() => {
        if (!stopping) fork();
      }, restartMs);
    };
    cluster.on('message', (worker: Worker, message: unknown) => {
      if (!saysLeaving(message) || stopping || !started.has(worker.id)) return;
      say(
        process.stderr,
        `tensorgate: worker ${worker.process.pid ?? ''} has met an exception and will end; starting another\n`,
      );
      replace(worker);
    });
    cluster.on('exit', (worker: Worker, code: number) => {
      if (worker === speaker) chooseSpeaker(worker);
      const left = Object.keys(cluster.workers ?? {}).length;
      if (stopping) {
        if (left === 0) resolve(endCode);
        return;
      }
      // a configuration or an address that is wrong does not get better by trying again
      if (code === 78 || code === 69 || code === 64) {
        endCode = code;
        end('SIGTERM');
        if (left === 0) resolve(code);
        return;
      }
      // one that has said so has been replaced already
      if (!started.has(worker.id)) return;
      say(
        process.stderr,
        `tensorgate: worker ${worker.process.pid ?? ''} ended (${code}); starting another\n`,
      );
      replace(worker);
    });
    // it holds no call, and the workers are its own: what breaks here is said, and ends nothing
    process.on('uncaughtException', (error) => {
      say(process.stderr, `tensorgate: a fault of the first process: ${error.stack ?? error.message}\n`);
    });
    for (let i = 0; i < count; i++) fork();
  });
}

/** One health checker for all workers: the one that leads looks, the others ask it what it saw. */
import type { Clock } from '../../base/clock.ts';
import type { Peers } from './peers.ts';

export interface ShareProbe {
  /** What the leading worker saw within freshMs, or else what a look of this worker's own gives. */
  probe<T>(key: string, freshMs: number, ask: () => Promise<T>): Promise<T>;
  /** Another worker has seen something new there. */
  onChange(listener: (key: string) => void): void;
}

/** A look that went well; errors are not shared, whoever asks looks itself. */
interface Seen {
  readonly atMs: number;
  readonly result: unknown;
  readonly text: string;
}

/** Looks at more things than this are not remembered. */
const maxSeen = 100_000;

const textOf = (result: unknown): string =>
  JSON.stringify(result, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

/** @param clock of this process; moments never leave it */
export function shareProbes(peers: Peers, clock: Clock): ShareProbe {
  const seen = new Map<string, Seen>();
  peers.respond('probe', (value) => {
    const { key, freshMs } = value as { key: string; freshMs: number };
    const known = seen.get(key);
    return known === undefined || clock() - known.atMs > freshMs ? undefined : { result: known.result };
  });
  return {
    async probe<T>(key: string, freshMs: number, ask: () => Promise<T>) {
      const told = (await peers.askLeader('probe', { key, freshMs })) as { result: T } | undefined;
      if (told !== undefined) return told.result;
      // this worker leads, or the leader has nothing new: it may have ended, and somebody must look
      const result = await ask();
      const text = textOf(result);
      const before = seen.get(key);
      if (seen.size >= maxSeen) seen.clear();
      seen.set(key, { atMs: clock(), result, text });
      if (before !== undefined && before.text !== text) peers.tellOthers('probe changed', key);
      return result;
    },
    onChange(listener) {
      peers.subscribe('probe changed', (key) => {
        listener(String(key));
      });
    },
  };
}

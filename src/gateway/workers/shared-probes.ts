/** One health checker for all workers: the one that leads looks, the others ask it what it saw. */
import type { Clock } from '../../base/clock.ts';
import type { Peers } from './peers.ts';

export interface ShareSight {
  /** What the leading worker saw within freshMs, or else what a look of this worker's own gives. */
  look<T>(key: string, freshMs: number, look: () => Promise<T>): Promise<T>;
  /** Another worker has seen something new there. */
  onChange(listener: (key: string) => void): void;
}

/** A look that went well; errors are not shared, whoever asks looks itself. */
interface Seen {
  readonly atMs: number;
  readonly sight: unknown;
  readonly text: string;
}

/** Looks at more things than this are not remembered. */
const maxSeen = 100_000;

const textOf = (sight: unknown): string =>
  JSON.stringify(sight, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

/** @param clock of this process; moments never leave it */
export function shareSights(peers: Peers, clock: Clock): ShareSight {
  const seen = new Map<string, Seen>();
  peers.onQuestion('sight', (value) => {
    const { key, freshMs } = value as { key: string; freshMs: number };
    const known = seen.get(key);
    return known === undefined || clock() - known.atMs > freshMs ? undefined : { sight: known.sight };
  });
  return {
    async look<T>(key: string, freshMs: number, look: () => Promise<T>) {
      const told = (await peers.askLeader('sight', { key, freshMs })) as { sight: T } | undefined;
      if (told !== undefined) return told.sight;
      // this worker leads, or the leader has nothing new: it may have ended, and somebody must look
      const sight = await look();
      const text = textOf(sight);
      const before = seen.get(key);
      if (seen.size >= maxSeen) seen.clear();
      seen.set(key, { atMs: clock(), sight, text });
      if (before !== undefined && before.text !== text) peers.tellOthers('sight changed', key);
      return sight;
    },
    onChange(listener) {
      peers.onNews('sight changed', (key) => {
        listener(String(key));
      });
    },
  };
}

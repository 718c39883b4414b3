/** What a gateway process holds, asked from outside: handles by their kind, and its heap after a collection. */
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/process.ts';
import type { Victim } from '../support/index.ts';

const probe = fileURLToPath(new URL('./handles-probe.ts', import.meta.url));

/** Of a gateway that can be asked; a small heap, since what only waits for a collection shall not look like a leak. */
export const nodeFlags: readonly string[] = [
  '--max-old-space-size=256',
  '--max-semi-space-size=4',
  '--expose-gc',
  `--import=${probe}`,
];

export interface Handles {
  /** Sockets, timers, files and what else keeps an event loop busy, by its kind. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly heapMiB: number;
  readonly externalMiB: number;
}

/** Asks by a signal; the process answers in its output. */
export async function handlesOf(gateway: Victim): Promise<Handles> {
  const mark = /handles (\d+) (\{.*\})/g;
  const last = (): RegExpExecArray | undefined => [...gateway.output().matchAll(mark)].at(-1);
  const before = last()?.[1];
  process.kill(gateway.pid, 'SIGUSR2');
  const found = await waitFor(
    () => {
      const now = last();
      return now !== undefined && now[1] !== before ? now : undefined;
    },
    20_000,
    'what the gateway holds',
  );
  return JSON.parse(found[2] as string) as Handles;
}

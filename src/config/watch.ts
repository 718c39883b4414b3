/** Tells when files have changed: their paths are looked at, so that a file which is replaced is seen as one that is edited. */
import { type Stats, unwatchFile, watchFile } from 'node:fs';

export interface WatchTimes {
  readonly intervalMs: number;
  /** Changes that follow each other this closely are one: editors write twice, and several files belong together. */
  readonly settleMs: number;
}

/** @returns what ends the watch */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  { intervalMs, settleMs }: WatchTimes = { intervalMs: 1000, settleMs: 200 },
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onStat = (now: Stats, before: Stats): void => {
    if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return;
    clearTimeout(timer);
    timer = setTimeout(onChange, settleMs).unref();
  };
  for (const path of paths) watchFile(path, { interval: intervalMs, persistent: false }, onStat);
  return () => {
    clearTimeout(timer);
    for (const path of paths) unwatchFile(path, onStat);
  };
}

/**
 * Tells when files have changed: their paths are looked at, so that a file which is replaced is seen as one that is
 * edited.
 */
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { detach, guarded } from './faults.ts';

export interface WatchTimes {
  readonly intervalMs: number;
  /** Changes that follow each other this closely are one: editors write twice, and several files belong together. */
  readonly settleMs: number;
}

const markOf = ({ mtimeMs, size, ino }: Stats): string => `${mtimeMs} ${size} ${ino}`;
/** Of a file that is not there, or cannot be looked at. */
const none = '';

/**
 * Node's own watchFile() takes its first look some time after the call: what changes before would never be told. Here
 * whoever reads the files after the call misses nothing.
 * @returns what ends the watch
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  { intervalMs, settleMs }: WatchTimes,
): () => void {
  let settling: NodeJS.Timeout | undefined;
  let looking = false;
  let ended = false;
  const marks = new Map<string, string>();
  for (const path of paths) {
    try {
      marks.set(path, markOf(statSync(path)));
    } catch {
      marks.set(path, none);
    }
  }
  const look = async (): Promise<void> => {
    // a file system that hangs is asked once
    if (looking) return;
    looking = true;
    for (const [path, before] of marks) {
      const now = await stat(path).then(markOf, () => none);
      if (now === before || ended) continue;
      marks.set(path, now);
      clearTimeout(settling);
      settling = setTimeout(guarded('file', onChange), settleMs).unref();
    }
    looking = false;
  };
  const timer = setInterval(() => {
    detach('file', look());
  }, intervalMs).unref();
  return () => {
    ended = true;
    clearInterval(timer);
    clearTimeout(settling);
  };
}

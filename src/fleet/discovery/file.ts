/** Backends listed in a file that is looked at again and again: for whatever writes such a file. */
import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { BackendAddress } from '../options.ts';
import { changesOnly, type Source, type SourceEvents } from './source.ts';
import { detach } from '../../faults.ts';

export interface FileOptions {
  readonly kind: 'file';
  /** YAML or JSON: `backends: [tfs://host:port, {url: tfs://host:port, weight: 2, zone: a}]`. */
  readonly path: string;
  readonly intervalMs: number;
  /** A backend as the configuration has it, or what is wrong with it. */
  readonly parseBackend: (entry: unknown) => BackendAddress | string;
}

/** A file that changes is being written, perhaps: it is read when it has been left alone for so long, in ms. */
const settleMs = 50;
/** A list of a thousand backends takes a tenth of it. */
const maxBytes = 1_000_000;

export function fileSource(options: FileOptions): Source {
  const { path, intervalMs } = options;
  let events: SourceEvents | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    try {
      const backends = backendsIn(await readFile(path, 'utf8'), options);
      events?.onBackends(backends);
    } catch (error) {
      events?.onProblem(`${path}: ${(error as Error).message}; the last list stays`);
    }
  }

  // a look at the path and not at the inode, so that a file that is replaced (as Kubernetes does) is seen
  const onStat = (now: Stats, before: Stats): void => {
    if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      detach('file', read());
    }, settleMs).unref();
  };

  return {
    start(listener) {
      events = changesOnly(listener);
      watchFile(path, { interval: intervalMs, persistent: false }, onStat);
      detach('file', read());
    },
    stop() {
      events = undefined;
      clearTimeout(timer);
      unwatchFile(path, onStat);
    },
  };
}

/** An explicit empty list means that there are none; a file without a list is a mistake. */
function backendsIn(text: string, { parseBackend }: FileOptions): BackendAddress[] {
  if (text.length > maxBytes) throw new Error(`is larger than ${maxBytes} bytes`);
  const content: unknown = parse(text);
  const list: unknown = Array.isArray(content)
    ? content
    : (content as { backends?: unknown } | null | undefined)?.backends;
  if (!Array.isArray(list)) throw new Error('holds no list of backends');
  return list.map((entry: unknown, i) => {
    const backend = parseBackend(entry);
    if (typeof backend === 'string') throw new Error(`backends[${i}]: ${backend}`);
    return backend;
  });
}

/** Backends listed in a file that is looked at again and again: for whatever writes such a file. */
import { open } from 'node:fs/promises';
import { detach } from '../../base/faults.ts';
import { watchFiles } from '../../base/watched-files.ts';
import type { BackendAddress } from '../backend-address.ts';
import { changesOnly, maxBackends, type Source, type SourceEvents } from './source.ts';

export interface FileOptions {
  readonly kind: 'file';
  /** YAML or JSON: `backends: [tfs://host:port, {url: tfs://host:port, weight: 2, zone: a}]`. */
  readonly path: string;
  readonly intervalMs: number;
  /** A backend as the configuration has it, or what is wrong with it. */
  readonly parseBackend: (entry: unknown) => BackendAddress | string;
  /** YAML as values. @throws Error */
  readonly parseYaml: (text: string) => unknown;
}

/** A file that changes is being written, perhaps: it is read when it has been left alone for so long, in ms. */
const settleMs = 50;
/** A list of a thousand backends takes a tenth of it. */
const maxBytes = 1_000_000;
/** YAML takes a hundred times what JSON does, in which nothing else is done: a second for so much. */
const maxYamlBytes = 256 * 1024;

/**
 * Discovers backends from a YAML or JSON file: reads it at `start()` and after each change, looked for every
 * `intervalMs`. A file that cannot be read, parsed or is too large (1 MB; YAML 256 KiB) is reported as a problem.
 */
export function fileSource(options: FileOptions): Source {
  const { path, intervalMs } = options;
  let events: SourceEvents | undefined;
  let unwatch = (): void => undefined;

  async function read(): Promise<void> {
    try {
      const backends = backendsIn(await textOf(path), options);
      events?.onBackends(backends);
    } catch (error) {
      // the rest of a YAML parser's message is a part of the file
      events?.onProblem(`${path}: ${(error as Error).message.split('\n', 1)[0] ?? ''}; the last list stays`);
    }
  }

  const onChange = (): void => {
    detach('file', read());
  };

  return {
    start(listener) {
      events = changesOnly(listener);
      unwatch = watchFiles([path], onChange, { intervalMs, settleMs });
      onChange();
    },
    stop() {
      events = undefined;
      unwatch();
    },
  };
}

/** No more than a file can have: the path may be that of a device, or of what was meant for something else. */
async function textOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      length += bytesRead;
      if (length > maxBytes) throw new Error(`is larger than ${maxBytes} bytes`);
      if (bytesRead === 0) return bytes.toString('utf8', 0, length);
    }
  } finally {
    await file.close();
  }
}

function valuesIn(text: string, { parseYaml }: FileOptions): unknown {
  // JSON is YAML, too, and read at once
  if (/^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // YAML's own lists and maps begin like this as well
    }
  }
  if (text.length > maxYamlBytes)
    throw new Error(`is larger than ${maxYamlBytes} bytes; as JSON it may have ${maxBytes}`);
  return parseYaml(text);
}

/** An explicit empty list means that there are none; a file without a list is a mistake. */
function backendsIn(text: string, options: FileOptions): BackendAddress[] {
  const content = valuesIn(text, options);
  const list: unknown = Array.isArray(content)
    ? content
    : (content as { backends?: unknown } | null | undefined)?.backends;
  if (!Array.isArray(list)) throw new Error('holds no list of backends');
  if (list.length > maxBackends) throw new Error(`lists more than ${maxBackends} backends`);
  return list.map((entry: unknown, i) => {
    const backend = options.parseBackend(entry);
    if (typeof backend === 'string') throw new Error(`backends[${i}]: ${backend}`);
    return backend;
  });
}

/**
 * Applies what the files of a configuration hold, when they change and when somebody asks. What does not work leaves
 * all as it was, and is told. Every file that a configuration names is watched, be it named by the command line:
 * certificates, keys, authorities.
 */
import { isDeepStrictEqual } from 'node:util';
import { fault, isFault } from '../base/faults.ts';
import { ConfigError, type Snapshot } from '../config/index.ts';
import type { Reloads } from '../gateway/index.ts';

export interface ReloaderDeps {
  /** Reads the files. @throws ConfigError */
  readonly load: () => Snapshot;
  /** @throws Error when something does not work: then nothing has changed */
  readonly apply: (snapshot: Snapshot) => Promise<void>;
  readonly reloads: Pick<Reloads, 'status' | 'accepted' | 'refused'>;
  /** Calls back when one of these files has changed. @returns what ends it */
  readonly watch: (paths: readonly string[], onChange: () => void) => () => void;
}

/**
 * Reloads the configuration when reload() is called or a watched file changes. A refused configuration leaves
 * the one in force as it is.
 */
export class Reloader {
  readonly #deps: ReloaderDeps;
  #current: Snapshot;
  #unwatch = (): void => undefined;
  #stopped = false;

  /** @param current what is in force */
  constructor(current: Snapshot, deps: ReloaderDeps) {
    this.#current = current;
    this.#deps = deps;
  }

  get current(): Snapshot {
    return this.#current;
  }

  /** From now on files are watched. */
  begin(): void {
    this.#watch(this.#current.sources.keys());
    if (this.#holds(this.#current.sources)) return;
    const { refused } = this.#deps.reloads.status;
    // another worker may have said so long ago
    this.#reload(refused).catch(() => undefined);
  }

  /** @throws Error why the configuration is refused, which has been told */
  reload(): Promise<void> {
    return this.#reload();
  }

  /** For events, which have nobody to be told. */
  readonly reloadOnEvent = (): void => {
    this.#reload().catch(() => undefined);
  };

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
  }

  async #reload(known?: { readonly at: number; readonly message: string }): Promise<void> {
    const { load, apply, reloads } = this.#deps;
    let next: Snapshot | undefined;
    try {
      next = load();
      await apply(next);
    } catch (error) {
      if (isFault(error)) fault('file', error);
      const { message } = error as Error;
      reloads.refused(message, known?.message === message ? known.at : undefined);
      // what is mended may be another file than those in force
      const named = next?.sources.keys() ?? (error instanceof ConfigError ? error.files : []);
      this.#watch([...this.#current.sources.keys(), ...named]);
      if (!this.#holds(next?.sources ?? message)) this.reloadOnEvent();
      throw error;
    }
    this.#current = next;
    reloads.accepted(next.sources);
    this.#watch(next.sources.keys());
    if (!this.#holds(next.sources)) this.reloadOnEvent();
  }

  /** Begins after the files were read, so what was read may be out of date already. */
  #watch(paths: Iterable<string>): void {
    this.#unwatch();
    if (!this.#stopped) this.#unwatch = this.#deps.watch([...new Set(paths)], this.reloadOnEvent);
  }

  /** Whether the files still hold these texts, or the same mistakes. */
  #holds(before: Snapshot['sources'] | string): boolean {
    try {
      return isDeepStrictEqual(this.#deps.load().sources, before);
    } catch (error) {
      return (error as Error).message === before;
    }
  }
}

/** All sources of a fleet as one: the union of what they say, and a reload that keeps those that stay the same. */
import type { BackendAddress } from '../backend-address.ts';
import { dnsSource } from './dns.ts';
import { fileSource } from './file.ts';
import { fixedSource } from './fixed.ts';
import { kubernetesSource } from './kubernetes.ts';
import {
  maxBackends,
  type Source,
  type SourceDeps,
  type SourceEvents,
  type SourceOptions,
  withoutSurplus,
} from './source.ts';

/**
 * Creates the discovery source of these options. It looks for nothing before `start()`.
 * @throws TypeError (ERR_INVALID_IP_ADDRESS) when one of the DNS servers is no IP address
 */
export function sourceOf(options: SourceOptions, deps: SourceDeps): Source {
  switch (options.kind) {
    case 'fixed':
      return fixedSource(options.backends);
    case 'dns':
      return dnsSource(options, deps);
    case 'file':
      return fileSource(options);
    case 'kubernetes':
      return kubernetesSource(options, deps);
  }
}

interface Entry {
  readonly source: Source;
  backends: readonly BackendAddress[];
  /** It has said something, be it that it cannot. */
  heard: boolean;
}

/**
 * Merges the discovery sources of one fleet. The union, one backend per name, is reported once every source has
 * reported, and after each change of one; more than `maxBackends` are reported as a problem instead.
 */
export class Sources {
  readonly #deps: SourceDeps;
  readonly #events: SourceEvents;
  #entries = new Map<string, Entry>();

  constructor(deps: SourceDeps, events: SourceEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  /** Takes these sources in the place of those before; a source that is among both goes on with what it knows. */
  update(options: readonly SourceOptions[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    const fresh: Entry[] = [];
    for (const each of options) {
      const key = JSON.stringify(each);
      const known = before.get(key);
      before.delete(key);
      const entry = known ?? { source: sourceOf(each, this.#deps), backends: [], heard: false };
      this.#entries.set(key, entry);
      if (known === undefined) fresh.push(entry);
    }
    for (const { source } of before.values()) source.stop();
    for (const entry of fresh) this.#start(entry);
    if (fresh.length === 0) this.#tell();
  }

  stop(): void {
    for (const { source } of this.#entries.values()) source.stop();
    this.#entries = new Map();
  }

  refreshSoon(): void {
    for (const { source } of this.#entries.values()) source.refreshSoon?.();
  }

  #start(entry: Entry): void {
    entry.source.start({
      onBackends: (backends) => {
        entry.backends = backends;
        entry.heard = true;
        this.#tell();
      },
      onProblem: (message) => {
        const first = !entry.heard;
        entry.heard = true;
        this.#events.onProblem(message);
        if (first) this.#tell();
      },
    });
  }

  /** Nothing is told before all have been heard: half a set would be taken for a fleet that lost the other half. */
  #tell(): void {
    const entries = [...this.#entries.values()];
    if (!entries.every(({ heard }) => heard)) return;
    const all = entries.flatMap(({ backends }) => backends);
    const union = withoutSurplus([...new Map(all.map((backend) => [backend.name, backend])).values()]);
    if (union.length > maxBackends)
      this.#events.onProblem(
        `all sources together have more than ${maxBackends} backends; the last set stays`,
      );
    else this.#events.onBackends(union);
  }
}

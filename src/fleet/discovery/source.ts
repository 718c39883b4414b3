/** The one interface of everything that says where the backends of a fleet are. */
import type { Log } from '../../base/log.ts';
import type { BackendAddress } from '../backend-address.ts';
import type { DnsOptions } from './dns.ts';
import type { FileOptions } from './file.ts';
import type { KubernetesOptions } from './kubernetes.ts';

export interface SourceEvents {
  /**
   * All backends as of now, whenever they have changed. What fails (a server that does not answer, a file that cannot
   * be read, a name that is suddenly gone) is no change: the last set stays.
   */
  onBackends(backends: readonly BackendAddress[]): void;
  /** Why the last set is kept, or there is none yet; said once for each new reason. */
  onProblem(message: string): void;
}

export interface Source {
  /** Begins to look; nothing is told after stop(). */
  start(events: SourceEvents): void;
  stop(): void;
  /** A backend was lost: an answer may be out of date. */
  refreshSoon?(): void;
}

export type SourceOptions =
  | { readonly kind: 'fixed'; readonly backends: readonly BackendAddress[] }
  | DnsOptions
  | FileOptions
  | KubernetesOptions;

export interface SourceDeps {
  readonly log: Log;
  readonly clock: () => number;
  readonly random: () => number;
}

/**
 * Backends of one fleet. All of them are looked at, and each change of one is a look at all: beyond it something else
 * has been taken for a fleet.
 */
export const maxBackends = 2000;

/** A rollout may have twice as many for a while: what is about to end is left out first when there are too many. */
export function withoutSurplus(backends: readonly BackendAddress[]): readonly BackendAddress[] {
  return backends.length <= maxBackends
    ? backends
    : backends.filter(({ terminating }) => terminating !== true);
}

/** Tells a set only when it is another one, and a problem only when it is a new one. */
export function changesOnly(events: SourceEvents): SourceEvents {
  let last: string | undefined;
  let problem = '';
  return {
    onBackends(backends) {
      const kept = withoutSurplus(backends);
      if (kept.length > maxBackends) {
        this.onProblem(`there are more than ${maxBackends} backends; the last set stays`);
        return;
      }
      problem = '';
      const sorted = [...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
      const text = JSON.stringify(sorted);
      if (text === last) return;
      last = text;
      events.onBackends(sorted);
    },
    onProblem(message) {
      if (message === problem) return;
      problem = message;
      events.onProblem(message);
    },
  };
}

/** "10.0.0.1:8500", "[2001:db8::1]:8500": a backend's name in metrics, logs and replies. */
export function nameOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What the proxy is told: which prefixes it passes on, and what it lets a request cost. */

import type { MinBodyRateOptions } from '../min-body-rate.ts';

export interface ProxyRoute {
  /** "/v3": this path and all below it. */
  readonly prefix: string;
  /** Name of the fleet that gets them. */
  readonly fleet: string;
  /** What the backend sees in the place of the prefix. */
  readonly rewrite: string;
}

export interface ProxyOptions {
  readonly routes: readonly ProxyRoute[];
  /** Of a request. */
  readonly maxBodyBytes: number;
  /** Until an answer begins. */
  readonly headersTimeoutMs: number;
  /** Of silence, within an answer or a request's body. */
  readonly idleTimeoutMs: number;
  /** For a request's body, as far as its client is waited for. */
  readonly pace: MinBodyRateOptions;
  /** For all of it; 0 means no limit. */
  readonly maxDurationMs: number;
  /** Backends that are tried while nothing has been sent. */
  readonly maxAttempts: number;
}

/** What an RPC is served with: its limits, and whoever answers it. */
import type { Clock } from '../../base/clock.ts';
import type { Handler, Observer, Target } from '../../call/index.ts';
import type { InflateLimits, ModelSpec } from '../../codec/index.ts';
import type { MemoryAccount } from '../../memory/index.ts';
import type { MinBodyRateOptions } from '../min-body-rate.ts';
import type { TimeoutOptions } from '../timeout.ts';
import type { RpcHead } from './head.ts';

/** `maxMessageBytes` holds either way, and by the message's prefix. */
export interface RpcOptions extends InflateLimits {
  readonly timeouts: TimeoutOptions;
  /** Requests up to this size are kept for another attempt, in bytes. */
  readonly maxRetainedBytes: number;
  /** For requests of one message. */
  readonly pace: MinBodyRateOptions;
}

export interface RpcDeps {
  readonly handler: Handler;
  readonly options: RpcOptions;
  /** As Resolve; the call's method and metadata may decide, too. */
  readonly resolve: (spec: ModelSpec, call: Pick<RpcHead, 'method' | 'metadata'>) => Target;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly memory: MemoryAccount;
  /** A new request id. */
  readonly nextId: () => string;
}

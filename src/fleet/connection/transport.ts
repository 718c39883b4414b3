/** How calls reach one backend: over gRPC, or as HTTP requests. */
import type { StatusError } from '../../base/status.ts';
import type { Api, Call, Reply, LimitName } from '../../call/index.ts';

/**
 * Called once when a call is over, however it ends: with the gateway's own view of a failure, or with the backend's
 * trailers.
 */
export type OnOver = (error: StatusError | undefined, trailers: readonly string[]) => void;

export interface Transport {
  readonly connections: number;
  /** A call would not have to wait until a connection is made. */
  readonly connected: boolean;
  /** Calls that the backend's own limits allow at once; unlimited while it has told none. */
  readonly streamLimit: number;
  /** The APIs whose calls it passes untouched; empty while that is not known. */
  readonly apis: readonly Api[];
  /**
   * A model's versions that the server lists and that are no numbers; empty when it lists none at all, undefined when
   * all are numbers.
   */
  versionTexts(model: string): readonly string[] | undefined;
  /**
   * The extensions of KServe V2 that the server lists, asked once for each connection; none while it cannot be asked.
   */
  extensions(): Promise<readonly string[]>;
  /** One attempt of a call of whichever API. A call that fails before it began is over, too. */
  send(call: Call, onOver?: OnOver): Promise<Reply>;
  /** Makes sure that the backend can be reached, and what it speaks is known. @throws StatusError */
  connect(): Promise<void>;
  /** Another server may answer from now on. */
  forget(): void;
  /** Looks for connections that give no sign of life; called every so often. */
  watch(): void;
  close(graceful: boolean): void;
}

export interface TransportEvents {
  /** A connection attempt failed, or a connection that was in use was lost. */
  readonly onLost: (reason: StatusError) => void;
  readonly onLimit: (name: LimitName) => void;
  /** So many calls wait for a stream now. */
  readonly onQueue: (waiting: number) => void;
}

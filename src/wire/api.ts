/** What the users of a connection see: streams, and the events that streams have. */
import type { Headers } from './hpack/index.ts';
import type { ReadBuffer } from './socket/index.ts';

/** Implemented by the user of a stream. */
export interface StreamEvents {
  /** The response head (client end only; 1xx ones are swallowed). `end`: it is all there is. */
  onHeaders?(headers: Headers, end: boolean): void;
  /**
   * DATA without padding, a stable view; the user gives its bytes back with credit() once they are dealt with.
   * @param memory for users that are quick: who gives the chunk back to it looks at it no more
   */
  onData(chunk: Buffer, memory?: ReadBuffer): void;
  /** The peer has ended its side; [] without trailers. Not called after a head with `end`. */
  onEnd(trailers: Headers): void;
  /**
   * The stream is gone before both sides have ended; the last event, also after onEnd while this side was still
   * sending.
   * @param notProcessed the peer surely did nothing with it (REFUSED_STREAM, above GOAWAY's last id, never sent)
   * @param fault the rule that the peer broke, for which this end has reset the stream, to stand behind "answered
   *   with"; undefined when it did not
   */
  onReset(code: number, notProcessed: boolean, fault?: string): void;
  /**
   * Queued output has drained, to a quarter of what write() says stop at or below; the last time when nothing is
   * queued.
   */
  onDrain(): void;
  /**
   * The stream's carrier has answered in its user's place; onReset follows (server ends of HTTP/1.1 only).
   * @returns the answer's x-request-id
   */
  onAnswered?(status: number): string;
  /** Every so often (server ends only) while the stream is open: for those who watch the peer's pace. */
  onTick?(): void;
}

export interface Stream {
  readonly id: number;
  /** Bytes written that the peer has not allowed to be sent yet. */
  readonly queuedBytes: number;
  /**
   * Queues DATA. False: stop until onDrain.
   * @param lent the chunk, 64 KiB at the most, is the caller's again when this returns; without it, it must not
   *   change afterwards
   */
  write(chunk: Uint8Array, lent?: boolean): boolean;
  /** Ends this side, with trailers if there are any. */
  end(trailers?: Headers): void;
  /** RST_STREAM; no events after it. */
  reset(code: number): void;
  /** Gives back receive window: so many bytes are dealt with. */
  credit(bytes: number): void;
}

export interface ClientStream extends Stream {
  /** It may still look at chunks that were written to it. */
  readonly holds: boolean;
}

export interface ServerStream extends Stream {
  /** Of a large request head: its bytes on the wire, which are in the account as long as the stream is open. */
  readonly headBytes?: number;
  /**
   * The rest of a request that was answered early may be read over for a while: some clients (curl) lose an answer
   * whose stream is reset at once. Where it is not so, reset(NO_ERROR) does what its carrier can.
   */
  readonly readsOn?: boolean;
  /** Header fields of the connection's varyingName, apart, so that the rest may be the same list again. */
  readonly varying: Headers;
  /** The response head; a second one is ignored. `end`: there is nothing behind it. */
  respond(headers: Headers, end?: boolean): void;
  /**
   * Ends this side now: what is queued is thrown away. Where trailers cannot pass what waits, the peer sees a reset.
   */
  cut(trailers: Headers): void;
}

/** How long a peer may take, in ms. */
export interface TimeLimits {
  /** For a frame, and for all frames of a header block, once they have begun; for the first SETTINGS too. */
  readonly headersMs: number;
  /** Without reading any of what waits for it on a stream. */
  readonly writeMs: number;
  /** Without a stream. */
  readonly idleMs: number;
}

/**
 * A request is answered without its user.
 * @param text what is wrong with it
 * @returns the answer's x-request-id; empty: none
 */
export type OnRefused = (status: number, text: string) => string;

/** Output that waits for a peer: a stream's, or all of a connection's when its socket takes nothing. */
export interface WaitingOutput {
  readonly bytes: number;
  /** How long the peer has taken nothing of it, in ms. @param nowMs monotonic */
  stalledMs(nowMs: number): number;
  /** Gives the peer up: the output is thrown away. */
  cut(): void;
}

/** onReset's code when the connection was lost: no code of the peer's. */
export const connectionLost = -1;
/** onReset's code when the stream's own user has thrown at an event before: the peer has done nothing wrong. */
export const ownFault = -2;

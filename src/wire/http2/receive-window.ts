/**
 * A connection's own receive window: what the peer may still send on all streams together, and when it is told of
 * more.
 */
import { ConnectionError, defaultWindowBytes, ErrorCode } from '../constants.ts';

/**
 * Flow-control window of a connection's receiving side (RFC 9113 §5.2): a WINDOW_UPDATE is announced when a
 * quarter of it has been given back.
 */
export class ReceiveWindow {
  readonly #bytes: number;
  readonly #shared: boolean;
  readonly #announce: (bytes: number) => void;
  #left: number;
  /** Given back, and not told of yet. */
  #unannounced = 0;

  /**
   * @param bytes its full size
   * @param shared many users share the connection, so that one who does not read must not hold its window: it is given
   *   back as bytes arrive, and the streams' windows alone bound what they hold
   * @param announce sends a WINDOW_UPDATE
   */
  constructor(bytes: number, shared: boolean, announce: (bytes: number) => void) {
    this.#bytes = bytes;
    this.#shared = shared;
    this.#announce = announce;
    this.#left = Math.max(bytes, defaultWindowBytes);
  }

  /** Bytes of a DATA frame have come. @throws ConnectionError when they are more than was allowed */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window is exceeded');
    if (this.#shared) this.#giveBack(bytes);
  }

  /** Their user is done with so many bytes. */
  dealtWith(bytes: number): void {
    if (!this.#shared) this.#giveBack(bytes);
  }

  #giveBack(bytes: number): void {
    this.#unannounced += bytes;
    if (this.#unannounced < this.#bytes / 4) return;
    this.#left += this.#unannounced;
    this.#announce(this.#unannounced);
    this.#unannounced = 0;
  }
}

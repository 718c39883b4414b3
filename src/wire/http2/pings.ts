/** The pings of this end that the peer has not answered yet. */

/** Maps the opaque payload of each PING sent (RFC 9113 §6.7) to the callback for its acknowledgement. */
export class Pings {
  readonly #waiting = new Map<string, () => void>();
  #count = 0;

  /** The payload of a new ping. */
  next(callback: () => void): Buffer {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#count, 4);
    this.#waiting.set(payload.toString('latin1'), callback);
    return payload;
  }

  /** False when no such ping was sent. */
  answered(payload: Buffer): boolean {
    const key = payload.toString('latin1');
    const callback = this.#waiting.get(key);
    this.#waiting.delete(key);
    callback?.();
    return callback !== undefined;
  }

  clear(): void {
    this.#waiting.clear();
  }
}

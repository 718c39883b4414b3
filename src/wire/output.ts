/** What leaves a connection: frames are collected and go to the socket in one write at the end of each turn. */
import type { Duplex } from 'node:stream';
import { frameHeaderBytes } from './constants.ts';

/** Small frames are copied side by side into slabs of this size; a slab is never reused, since the kernel may still read it. */
const slabBytes = 65_536;
/** Payloads above this are not copied. */
const copyBytes = 4096;
/** Bytes that may wait in the socket before streams have to pause. */
const socketHighWater = 262_144;

export class Output {
  readonly #socket: Duplex;
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  /** The stretch of the slab that is not in #pieces yet. */
  #from = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  #reading = false;
  #scheduled = false;
  #blocked = false;
  readonly #onDrain: () => void;

  constructor(socket: Duplex, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
    socket.on('drain', () => {
      this.#blocked = false;
      this.#onDrain();
    });
  }

  /** The socket takes no more for now: DATA waits, control frames pass. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Bytes that wait in the socket. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  /** While a read is being dealt with, everything is held for one write at its end. */
  hold(): void {
    this.#reading = true;
  }

  release(): void {
    this.#reading = false;
    this.flush();
  }

  /** A frame's header, and its payload if there is one. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    payload: Uint8Array | undefined,
    length = payload?.length ?? 0,
  ): void {
    const copied = payload !== undefined && length <= copyBytes;
    this.#room(frameHeaderBytes + (copied ? length : 0));
    const slab = this.#slab;
    let at = this.#at;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab[at + 5] = streamId >>> 24;
    slab[at + 6] = streamId >>> 16;
    slab[at + 7] = streamId >>> 8;
    slab[at + 8] = streamId;
    at += frameHeaderBytes;
    if (copied) {
      slab.set(payload, at);
      at += length;
    }
    this.#at = at;
    if (payload !== undefined && !copied) {
      this.#cut();
      this.#pieces.push(payload);
    }
    this.#schedule();
  }

  /** Bytes as they are (the client's preface). */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#schedule();
  }

  flush(): void {
    this.#scheduled = false;
    this.#cut();
    const pieces = this.#pieces;
    if (pieces.length === 0 || this.#socket.destroyed || !this.#socket.writable) {
      pieces.length = 0;
      return;
    }
    this.#pieces = [];
    const socket = this.#socket;
    if (pieces.length === 1) socket.write(pieces[0]);
    else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    if (socket.writableLength > socketHighWater) this.#blocked = true;
  }

  #schedule(): void {
    if (this.#reading || this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      if (this.#scheduled) this.flush();
    });
  }

  #room(bytes: number): void {
    if (this.#slab.length - this.#at >= bytes) return;
    this.#cut();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
    this.#from = 0;
    this.#at = 0;
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#pieces.push(this.#slab.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}

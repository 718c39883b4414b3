/**
 * What leaves a connection: frames are collected and go to the socket in one write when the turn of the event loop
 * ends.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { guard } from '../../base/faults.ts';
import { defaultFrameBytes, Flag, frameHeaderBytes, FrameType } from '../constants.ts';
import { giveSlabBack, slabBytes, takeSlab } from './slabs.ts';

/**
 * Payloads above this are not copied, unless they are lent: a frame of the common size is, since bytes that were just
 * read cost less to copy than two more pieces to write.
 */
export const copyBytes = defaultFrameBytes;

/** Told of output that waits for the peer, in bytes more; negative: fewer. */
export type OnWaiting = (bytes: number) => void;
/** Bytes that may wait in the socket before streams have to pause. */
const socketHighWater = 262_144;
const nothing = Buffer.alloc(0);
/** Collected bytes that do not wait for the end of the turn. */
const flushBytes = 262_144;

/** Connections with something to write; one immediate writes for all, so that a turn with many reads has few writes. */
let dirty: Output[] = [];

function flushAll(): void {
  const outputs = dirty;
  dirty = [];
  for (const output of outputs) output.flushAlone();
}

/** Replaces the pieces that are parts of a slab by copies of their own. */
function copyOut(pieces: Uint8Array[], slab: Buffer): void {
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] as Uint8Array;
    if (piece.buffer === slab.buffer) pieces[i] = Uint8Array.prototype.slice.call(piece);
  }
}

/** What no slab has room for is kept in memory of its own, whoever it was lent by. */
const ownCopy = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);

/**
 * Output buffer of one socket: gathers the frames of a turn in a slab, writes them together, and reports what
 * the kernel has not taken.
 */
export class Output {
  readonly #socket: Duplex;
  /** What a socket has written is the kernel's; another stream may still hold the buffer. */
  readonly #takes: boolean;
  #slab: Buffer | undefined;
  /** The stretch of the slab that is not in #pieces yet. */
  #from = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  /** Bytes in #pieces. */
  #collected = 0;
  #scheduled = false;
  #blocked = false;
  /** Where the newest frame begins in the slab when it is a DATA frame that is wholly there, and its stream. */
  #lastData = -1;
  #lastDataStream = 0;
  /** Slabs that the socket reads from until it has drained. */
  #lent: Buffer[] = [];
  readonly #onDrain: () => void;
  readonly #onWaiting: OnWaiting | undefined;
  /** Of what waits in the socket: what the account has. */
  #counted = 0;

  /** @param onWaiting told of what the kernel has not taken at once */
  constructor(socket: Duplex, onWaiting: OnWaiting | undefined, onDrain: () => void) {
    this.#socket = socket;
    this.#onWaiting = onWaiting;
    this.#takes = socket instanceof Socket;
    this.#onDrain = onDrain;
    socket.on('drain', this.#drained);
  }

  readonly #drained = (): void => {
    this.#blocked = false;
    this.#alone(() => {
      this.#count();
      for (const slab of this.#lent) giveSlabBack(slab);
      this.#lent = [];
      this.#onDrain();
    });
  };

  /** A connection that cannot write ends, and no other one. */
  #alone(run: () => void): void {
    guard('connection', run, () => {
      this.#socket.destroy();
    });
  }

  /** Among others that must be flushed, too. */
  flushAlone(): void {
    this.#alone(() => {
      this.flush();
    });
  }

  /** What still waits is nobody's business any more. */
  forget(): void {
    if (this.#counted > 0) this.#onWaiting?.(-this.#counted);
    this.#counted = 0;
  }

  #count(): void {
    const { writableLength } = this.#socket;
    if (writableLength === this.#counted) return;
    this.#onWaiting?.(writableLength - this.#counted);
    this.#counted = writableLength;
  }

  /** The socket becomes somebody else's; what was written leaves first. */
  detach(): void {
    this.flush();
    this.forget();
    this.#socket.off('drain', this.#drained);
  }

  /** Calls back when the kernel has taken all that was written; not at once, and also when the socket is gone. */
  whenTaken(callback: () => void): void {
    const socket = this.#socket;
    if (socket.writableEnded) socket.once('finish', callback);
    else socket.write(nothing, callback);
  }

  /** The socket takes no more for now: DATA waits, control frames pass. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Bytes that wait here and in the socket. */
  get waiting(): number {
    return this.#socket.writableLength + this.#collected + this.#at - this.#from;
  }

  /**
   * A frame's header, and its payload if there is one.
   * @param lent the payload is the caller's again when this returns
   */
  frame(type: number, flags: number, streamId: number, payload: Uint8Array | undefined, lent = false): void {
    const length = payload?.length ?? 0;
    if (lent && length > slabBytes - frameHeaderBytes) {
      this.frame(type, flags, streamId, ownCopy(payload as Uint8Array));
      return;
    }
    const copied = lent || length <= copyBytes;
    this.#room(frameHeaderBytes + (copied ? length : 0));
    const slab = this.#slab as Buffer;
    let at = this.#at;
    this.#lastData = type === FrameType.DATA && copied ? at : -1;
    this.#lastDataStream = streamId;
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
    if (copied && payload !== undefined) {
      slab.set(payload, at);
      at += length;
    }
    this.#at = at;
    if (payload !== undefined && !copied) {
      this.#cut();
      this.#pieces.push(payload);
      this.#collected += length;
    }
    this.#written();
  }

  /** Puts END_STREAM on the stream's newest DATA frame if that is the last thing here; false when it is too late. */
  endWithLast(streamId: number): boolean {
    if (this.#lastData === -1 || this.#lastDataStream !== streamId) return false;
    const flags = this.#lastData + 4;
    const slab = this.#slab as Buffer;
    slab[flags] = (slab[flags] as number) | Flag.END_STREAM;
    return true;
  }

  /** Bytes as they are; by reference when they are many and not lent. */
  raw(bytes: Uint8Array, lent = false): void {
    if (lent && bytes.length > slabBytes) {
      this.raw(ownCopy(bytes));
      return;
    }
    const copied = lent || bytes.length <= copyBytes;
    this.#room(copied ? bytes.length : 0);
    this.#lastData = -1;
    if (copied) {
      (this.#slab as Buffer).set(bytes, this.#at);
      this.#at += bytes.length;
    } else {
      this.#cut();
      this.#pieces.push(bytes);
      this.#collected += bytes.length;
    }
    this.#written();
  }

  /** Text of single-byte characters; of others the low byte. */
  text(text: string): void {
    if (text.length > slabBytes) {
      this.raw(Buffer.from(text, 'latin1'));
      return;
    }
    this.#room(text.length);
    this.#lastData = -1;
    this.#at += (this.#slab as Buffer).write(text, this.#at, 'latin1');
    this.#written();
  }

  flush(): void {
    this.#scheduled = false;
    this.#cut();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    this.#collected = 0;
    const slab = this.#slab;
    const used = this.#at;
    this.#slab = undefined;
    this.#from = 0;
    this.#at = 0;
    const socket = this.#socket;
    if (!socket.destroyed && socket.writable) {
      // behind a slow reader a few bytes must not hold a whole slab
      const copies =
        slab !== undefined && (!this.#takes || (socket.writableLength > 0 && used < slabBytes / 2));
      if (copies) copyOut(pieces, slab);
      if (pieces.length === 1) socket.write(pieces[0]);
      else {
        socket.cork();
        for (const piece of pieces) socket.write(piece);
        socket.uncork();
      }
      this.#count();
      if (socket.writableLength > socketHighWater) this.#blocked = true;
      if (slab !== undefined && !copies && socket.writableLength > 0) {
        if (socket.writableNeedDrain) this.#lent.push(slab);
        return;
      }
    }
    if (slab !== undefined) giveSlabBack(slab);
  }

  #written(): void {
    if (this.#collected + this.#at - this.#from >= flushBytes) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      if (dirty.push(this) === 1) setImmediate(flushAll);
    }
  }

  #room(bytes: number): void {
    if (this.#slab === undefined) this.#slab = takeSlab();
    else if (slabBytes - this.#at < bytes) {
      this.flush();
      this.#slab = takeSlab();
    }
  }

  #cut(): void {
    this.#lastData = -1;
    if (this.#at === this.#from) return;
    this.#pieces.push((this.#slab as Buffer).subarray(this.#from, this.#at));
    this.#collected += this.#at - this.#from;
    this.#from = this.#at;
  }
}

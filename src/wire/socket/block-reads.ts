/**
 * Lets a socket that has much to say read into blocks of memory that are used again, where Node can be made to.
 * hot: 0016
 */
import { Socket } from 'node:net';
import { ownCopy } from '../../base/bytes.ts';
import { ReadBlock } from './read-blocks.ts';
import type { ReadBuffer } from './read-buffer.ts';

/**
 * Smaller reads are copied into memory of their own size, in bytes: whoever keeps a piece of them shall not keep a
 * block.
 */
const minBlockBytes = 16_384;
/** Sockets that may have a block at a time. */
const maxBlocks = 64;

/** What sockets without a block read into; nothing of it is handed out. */
let common: Buffer | undefined;
/** Sockets with a block. */
let taken = 0;

type Slots = Record<symbol, unknown>;

/**
 * Where a socket keeps the buffer that it reads into, what makes the next one, and whom it tells. Node's `onread`
 * sets all three, but only for sockets that one makes oneself, and not for those that a server accepts; so they are
 * found by what a socket of one's own has there.
 */
function findSlots(): { buffer: symbol; next: symbol; callback: symbol } | undefined {
  const next = (): Buffer => Buffer.alloc(1);
  const callback = (): boolean => true;
  const fixed = Buffer.alloc(1);
  const holding = (buffer: unknown, value: unknown): symbol | undefined => {
    const probe: object = new Socket({ onread: { buffer, callback } } as object);
    return Object.getOwnPropertySymbols(probe).find((slot) => (probe as Slots)[slot] === value);
  };
  const slots = {
    buffer: holding(fixed, fixed),
    next: holding(next, next),
    callback: holding(fixed, callback),
  };
  const found = Object.values(slots).every((slot) => slot !== undefined);
  return found ? (slots as { buffer: symbol; next: symbol; callback: symbol }) : undefined;
}

const slots = findSlots();

interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

export interface BlockReads {
  /** Takes a read. False: as it is with push(). */
  take(chunk: Buffer, memory: ReadBuffer): boolean;
  /** Takes a read that is too small for a block, or that a socket may not hand out now. */
  takeCopy(chunk: Buffer): boolean;
  /** The socket hands out what it reads. */
  readonly flows: boolean;
}

/** From the next read on; nothing happens where Node cannot do that. */
export function readIntoBlocks(socket: Socket, to: BlockReads): void {
  const handle = (socket as unknown as { _handle?: Handle | null })._handle;
  const own = socket as unknown as Slots;
  if (slots === undefined || typeof handle?.useUserBuffer !== 'function') return;
  if (own[slots.buffer] !== null || own[slots.next] !== null) return;
  const first = (common ??= Buffer.allocUnsafeSlow(65_536));
  let block: ReadBlock | undefined;
  const leave = (): void => {
    if (block === undefined) return;
    block.close();
    block = undefined;
    taken--;
  };
  own[slots.buffer] = first;
  own[slots.callback] = (length: number, buffer: Buffer): boolean => {
    if (length < minBlockBytes || !to.flows) {
      const copy = ownCopy(buffer.subarray(0, length));
      leave();
      return to.takeCopy(copy);
    }
    if (block !== undefined) return to.take(block.take(length), block);
    // it has more to say, it seems
    if (taken < maxBlocks && !socket.destroyed) {
      taken++;
      block = new ReadBlock();
    }
    return to.takeCopy(ownCopy(buffer.subarray(0, length)));
  };
  own[slots.next] = (): Buffer => {
    if (block === undefined) return first;
    if (block.isFull) {
      block.close();
      block = new ReadBlock();
    }
    return block.room;
  };
  socket.once('close', leave);
  handle.useUserBuffer(first);
}

/**
 * Takes what a socket reads straight from the socket: a stream's own way costs a tick object and two events for each
 * read.
 * hot: 0020
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { readIntoBlocks } from './block-reads.ts';
import { ReadBuffer } from './read-buffer.ts';

/** @param memory the chunk's, when nobody else can see it */
export type TakeRead = (chunk: Buffer, memory?: ReadBuffer) => void;

/**
 * Calls back with each chunk that is read, in order, as a listener of 'data' would be; at once also what was read
 * before. A socket hands its bytes to its own push(), as every Readable does; while it flows and nothing waits, they
 * need go no further.
 * @param much whoever takes them gives back what it is done with, so that larger reads may come in memory that is
 *   used again
 * @returns what stops it
 */
export function takeReads(socket: Duplex, take: TakeRead, much = false): () => void {
  // other streams push from within _read() and are not asked again before they have
  if (!(socket instanceof Socket)) {
    const listener = (chunk: Buffer): void => {
      take(chunk);
    };
    socket.on('data', listener);
    return () => {
      socket.off('data', listener);
    };
  }
  const takeOwn = (chunk: Buffer): void => {
    take(chunk, ReadBuffer.of(chunk));
  };
  socket.on('data', takeOwn);
  const push = socket.push.bind(socket);
  let stopped = false;
  const flows = (): boolean => socket.readableFlowing === true && socket.readableLength === 0;
  socket.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null || !flows()) return push(chunk, encoding);
    takeOwn(chunk);
    return true;
  };
  // TLS decrypts 16 KiB at a time
  if (much && !(socket instanceof TLSSocket))
    readIntoBlocks(socket, {
      take(chunk, memory) {
        take(chunk, memory);
        return true;
      },
      takeCopy: (chunk) => socket.push(chunk),
      get flows() {
        return !stopped && flows();
      },
    });
  return () => {
    stopped = true;
    socket.push = push;
    socket.off('data', takeOwn);
  };
}

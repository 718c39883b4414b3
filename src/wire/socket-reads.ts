/** Takes what a socket reads straight from the socket: a stream's own way costs a tick object and two events for each read. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ReadMemory } from './read-memory.ts';

/** @param memory the chunk's, when nobody else can see it */
export type TakeRead = (chunk: Buffer, memory?: ReadMemory) => void;

/**
 * Calls back with each chunk that is read, in order, as a listener of 'data' would be; at once also what was read before.
 * A socket hands its bytes to its own push(), as every Readable does; while it flows and nothing waits, they need go no further.
 * @returns what stops it
 */
export function takeReads(socket: Duplex, take: TakeRead): () => void {
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
    take(chunk, ReadMemory.of(chunk));
  };
  socket.on('data', takeOwn);
  const push = socket.push.bind(socket);
  socket.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0)
      return push(chunk, encoding);
    takeOwn(chunk);
    return true;
  };
  return () => {
    socket.push = push;
    socket.off('data', takeOwn);
  };
}

/** Takes what a socket reads straight from the socket: a stream's own way costs a tick object and two events for each read. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Calls back with each chunk that is read, in order, as a listener of 'data' would be; at once also what was read before.
 * A socket hands its bytes to its own push(), as every Readable does; while it flows and nothing waits, they need go no further.
 * @returns what stops it
 */
export function takeReads(socket: Duplex, take: (chunk: Buffer) => void): () => void {
  socket.on('data', take);
  // other streams push from within _read() and are not asked again before they have
  if (!(socket instanceof Socket)) {
    return () => {
      socket.off('data', take);
    };
  }
  const push = socket.push.bind(socket);
  socket.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0)
      return push(chunk, encoding);
    take(chunk);
    return true;
  };
  return () => {
    socket.push = push;
    socket.off('data', take);
  };
}

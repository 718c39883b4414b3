/** Ends a TCP connection with a reset. */
import type { Socket } from 'node:net';

/**
 * As socket.resetAndDestroy(), but for a socket that is being shut down: libuv refuses to reset that one, and Node
 * loses its handle then, so that the process never ends (it spins in the clean-up at its exit). Such a socket is
 * closed.
 */
export function resetSocket(socket: Socket): void {
  // also where the peer ended first and Node answers that with an end of its own
  if (socket.writableEnded) socket.destroy();
  // eslint-disable-next-line no-restricted-properties -- here alone
  else socket.resetAndDestroy();
}

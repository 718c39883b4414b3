/** How a socket ends on which something was written last. */
import type { Duplex } from 'node:stream';

/** How long the peer of a connection that failed may take to read why (its GOAWAY), in ms. */
const lingerMs = 1000;

/**
 * Ends a socket after what was written, and destroys it when its peer does not end its own side soon.
 * @param patient starts the time-out only after 'finish': the peer may read its last answer at its own pace, and
 *   the caller enforces the limit of slow readers
 */
export function closeWithLinger(socket: Duplex, patient: boolean): void {
  socket.end();
  const linger = (): void => void setTimeout(() => socket.destroy(), lingerMs).unref();
  if (patient) socket.once('finish', linger);
  else linger();
}

/**
 * What the process prints beside its log: a reader that has gone, or does not read, ends nothing and holds nothing
 * up.
 */
import { hideSecrets } from './secrets.ts';

/** Text that waits for a reader, in characters; what is beyond is dropped. */
const maxWaiting = 2 ** 20;
let dropped = 0;

/** Lines that nobody took. */
export const droppedPrints = (): number => dropped;

/**
 * Without it a closed pipe (EPIPE) or a full disk (ENOSPC) is an error event that nobody hears, and the end of the
 * process.
 */
export function guardStdio(): void {
  for (const stream of [process.stdout, process.stderr])
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
}

/** Prints a message of a process that goes on serving. */
export function say(stream: NodeJS.WriteStream, text: string): void {
  if (stream.writableLength + text.length > maxWaiting) {
    dropped++;
    return;
  }
  stream.write(hideSecrets(text), (error) => {
    if (error !== null && error !== undefined) dropped++;
  });
}

/**
 * Resolves when all that was printed is out or lost: process.exit() throws away what a pipe has not taken.
 * @param maxMs at the latest
 */
export async function printed(maxMs = Number.POSITIVE_INFINITY): Promise<void> {
  const out = [process.stdout, process.stderr].map(
    (stream) =>
      new Promise<void>((resolve) => {
        if (stream.writableLength === 0) resolve();
        else
          stream.write('', () => {
            resolve();
          });
      }),
  );
  const late = new Promise<void>((resolve) => {
    if (maxMs !== Number.POSITIVE_INFINITY) setTimeout(resolve, maxMs).unref();
  });
  await Promise.race([Promise.all(out), late]);
}

/** The process's logger: pino, writing behind the back of the calls and never without bound. */
import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { pino } from 'pino';
import type { Log } from '../call/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** A file descriptor (1 is standard output) or a file's path. */
  readonly destination: number | string;
}

/** Lines that wait for a blocked destination; beyond this many bytes they are dropped, the gateway does not wait. */
const maxWaitingBytes = 16 * 1024 * 1024;

export interface Logger {
  readonly log: Log;
  /** Lines dropped because the destination did not take them. */
  readonly dropped: () => number;
  /** Writes what waits, at once; for the end of the process. */
  flush(): void;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = pino.destination({
    dest: openDestination(options.destination),
    sync: false,
    maxLength: maxWaitingBytes,
  });
  let dropped = 0;
  destination.on('drop', () => dropped++);
  // A closed pipe or a full disk must not end the gateway.
  destination.on('error', () => dropped++);
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    log,
    dropped: () => dropped,
    flush() {
      try {
        destination.flushSync();
      } catch {
        // Not open yet, or no longer: there is nobody left to tell.
      }
    },
  };
}

/** A file is opened here and now, so that a bad path fails the start and lines written just before an exit are kept. */
function openDestination(destination: number | string): number {
  if (typeof destination === 'number') return destination;
  mkdirSync(dirname(destination), { recursive: true });
  return openSync(destination, 'a');
}

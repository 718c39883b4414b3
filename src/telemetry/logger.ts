/** The process's logger: pino, writing behind the back of the calls and never without bound. */
import { pino } from 'pino';
import type { Log } from '../base/log.ts';
import { Lines, putTo } from './lines.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** A file descriptor (1 is standard output) or a file's path. */
  readonly destination: number | string;
}

/** Lines that wait for a blocked destination, in characters; those beyond are dropped, the gateway does not wait. */
const maxWaiting = 16 * 1024 * 1024;
/** How long the end of the process waits for a destination, in ms. */
const maxFlushMs = 1000;

export interface Logger {
  readonly log: Log;
  /** From now on. */
  setLevel(level: LogLevel): void;
  /** Lines dropped because the destination did not take them. */
  readonly dropped: () => number;
  /** Resolves when what waits is written, or after a second; for the end of the process. */
  flush(): Promise<void>;
}

/**
 * Creates a JSON logger (pino) with ISO 8601 times; lines are dropped, not waited for, when the destination is
 * blocked.
 */
export function createLogger(options: LoggerOptions): Logger {
  const lines = new Lines(putTo(options.destination), maxWaiting);
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return {
    log,
    setLevel(level) {
      log.level = level;
    },
    dropped: () => lines.dropped,
    flush: () => lines.flush(maxFlushMs),
  };
}

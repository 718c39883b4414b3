/** What all workers of a gateway see alike, in the log: each has the same to say, and one of them says it. */
import type { Log } from '../base/log.ts';

/** @param speaks whether this worker is the one, now */
export function commonLogOf(log: Log, speaks: () => boolean): Log {
  const at =
    (level: keyof Log) =>
    (fields: object, message: string): void => {
      if (speaks()) log[level](fields, message);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

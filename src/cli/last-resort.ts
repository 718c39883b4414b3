/** What no guard has caught: a rejection costs nothing but itself, an exception ends the process, in order. */
import { fault } from '../base/faults.ts';

/**
 * Watches over the process from now on. After an exception nobody knows what else is half done, so the process must
 * not go on for long; but the calls that are under way had no part in it.
 * @returns resolves at the first exception
 */
export function uncaughtException(): Promise<void> {
  process.on('unhandledRejection', (reason) => {
    fault('promise', reason);
  });
  return new Promise((resolve) => {
    process.on('uncaughtException', (error) => {
      fault('process', error);
      resolve();
    });
  });
}

/**
 * What every connection does with its socket: reads into memory that is used again, one write a turn, an orderly end.
 */
export { closeWithLinger } from './close-with-linger.ts';
export { IdleTimer } from './idle-timer.ts';
export { Linger, lingerMs } from './linger.ts';
export { copyBytes, type OnWaiting, Output } from './output.ts';
export { ReadBuffer } from './read-buffer.ts';
export { takeReads } from './socket-reads.ts';

/** Calls that wait for capacity, by priority and shared fairly. */
export { createQueue, type QueueOptions } from './filter.ts';

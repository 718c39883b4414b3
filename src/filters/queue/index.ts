/** The queue's own door. */
export { createQueue, type Queue, type QueueDeps, type QueueOptions } from './filter.ts';

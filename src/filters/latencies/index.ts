/** The latency book's own door. */
export { type Kind, LatencyBook } from './book.ts';
export { messageBytes } from './size.ts';

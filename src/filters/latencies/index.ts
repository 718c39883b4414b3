/** How long calls take, by model, version and size. */
export { Kind, LatencyBook } from './book.ts';
export { messageBytes } from './size.ts';

/** Where answers are kept, as the cache filter sees it: quick, or not there. */

/**
 * - absent: nothing under this key
 * - failed: it was asked and did not answer well or in time
 * - unavailable: it was not asked, since it is known to be down or too much is under way
 */
export type StoreMiss = 'absent' | 'failed' | 'unavailable';

export interface ResponseStore {
  /** Never rejects, and never takes longer than the store's time-out. At most `maxBytes` + 1 bytes of a value come. */
  get(key: string, maxBytes: number): Promise<Uint8Array | StoreMiss>;
  /** Nobody waits for it. Never rejects. */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<'stored' | 'failed' | 'unavailable'>;
}

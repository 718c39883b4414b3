/** Which node of a Redis Cluster has which slot: what CLUSTER SLOTS answers, and what single replies add to it. */
import { createRequire } from 'node:module';
import type { RedisAddress } from '../../base/redis-url.ts';

/** CRC16 of a key, or of what stands between its first braces. The package has no types of its own. */
export const slotOf = createRequire(import.meta.url)('cluster-key-slot') as (key: string) => number;

/** Of every Redis Cluster. */
export const slotCount = 16_384;
/** Redis's own advice for the largest cluster. */
export const maxNodes = 1000;

export const nameOf = ({ host, port }: RedisAddress): string => `${host}:${port}`;

/** Primaries by slot; a slot that nobody has is empty. */
export type Slots = (RedisAddress | undefined)[];

const text = (value: unknown): string =>
  typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : '';

/**
 * @param asked the node that answers, which names itself with an empty host
 * @returns undefined for anything that is no answer of a cluster
 */
export function slotsIn(answer: unknown, asked: RedisAddress): Slots | undefined {
  if (!Array.isArray(answer) || answer.length === 0) return undefined;
  const slots: Slots = Array.from({ length: slotCount });
  const nodes = new Map<string, RedisAddress>();
  for (const entry of answer as unknown[]) {
    if (!Array.isArray(entry)) return undefined;
    const [from, to, primary] = entry as unknown[];
    if (!isSlot(from) || !isSlot(to) || from > to || !Array.isArray(primary)) return undefined;
    const [host, port] = primary as unknown[];
    if (typeof port !== 'number' || !(port > 0 && port < 65_536)) return undefined;
    // "?" stands for a name that is not known yet
    const named = text(host);
    const address = { host: named === '' || named === '?' ? asked.host : named, port };
    const node = nodes.get(nameOf(address)) ?? address;
    nodes.set(nameOf(node), node);
    if (nodes.size > maxNodes) return undefined;
    slots.fill(node, from, to + 1);
  }
  return slots;
}

const isSlot = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < slotCount;

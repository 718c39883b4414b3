/** How much memory may be held for clients. */
import { totalmem } from 'node:os';
import type { Config } from '../../config/index.ts';

/** Of what the process may have; as much again may be garbage that is not collected yet. */
const share = 0.4;
/** With less the gateway could not hold one call. */
const leastBytes = 16 * 2 ** 20;

/** What the container allows, or the machine has, in bytes. */
function allowedBytes(): number {
  const constrained = process.constrainedMemory() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** @param workers processes that share that memory. Gives bytes for one of them */
export function memoryBytesOf({ limits }: Config, workers: number, allowed = allowedBytes()): number {
  return limits.memoryBytes ?? Math.max(leastBytes, Math.floor((allowed * share) / workers));
}

/** What may be held for clients: one account of bytes by kind, and the reservations of calls in it. */
export { type CopyHolder, Held, heldNames, type Holder, largeBytes, MemoryAccount } from './account.ts';
export type { CallMemory } from './call-memory.ts';
export { Holding, type HoldingOwner } from './reservation.ts';

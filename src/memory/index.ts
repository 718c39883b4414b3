/** What may be held for clients: one account of bytes by kind, and the reservations of calls in it. */
export { type Evictable, heldNames, type Holder, largeBytes, MemoryAccount, MemoryKind } from './account.ts';
export type { CallMemory } from './call-memory.ts';
export { MemoryReservation, type ReservationOwner } from './reservation.ts';

/**
 * What is held in one place for one call: it grows and shrinks, and whatever is left is given back at once when the
 * call ends.
 */
import { Code, StatusError } from '../base/status.ts';
import { type MemoryKind, type Holder, largeBytes, type MemoryAccount } from './account.ts';
import type { CallMemory } from './call-memory.ts';

/** Who is told that the bytes must go, and knows whether a reader stalls. */
export type ReservationOwner = Pick<Holder, 'stalledMs' | 'evict'>;

const gone = new StatusError(Code.CANCELLED, 'the call is over');

/**
 * Bytes held for one call under one kind of a MemoryAccount. hold() throws StatusError RESOURCE_EXHAUSTED when
 * there is no room, and CANCELLED after the end.
 */
export class MemoryReservation implements CallMemory, Holder {
  bytes = 0;
  readonly #account: MemoryAccount;
  readonly #kind: MemoryKind;
  readonly #owner: ReservationOwner;
  #unregister: (() => void) | undefined;
  #ended = false;

  constructor(account: MemoryAccount, kind: MemoryKind, owner: ReservationOwner) {
    this.#account = account;
    this.#kind = kind;
    this.#owner = owner;
  }

  /** So many bytes more, whether there is room or not; negative: fewer. */
  add(bytes: number): void {
    if (this.#ended) return;
    const wasLarge = this.bytes >= largeBytes;
    this.bytes += bytes;
    this.#account.add(this.#kind, bytes);
    if (wasLarge === this.bytes >= largeBytes) return;
    this.#unregister?.();
    this.#unregister = wasLarge ? undefined : this.#account.register(this);
  }

  /**
   * The same, and an error for whoever brings bytes that there is no room for.
   * @throws StatusError RESOURCE_EXHAUSTED; CANCELLED when the call is over
   */
  hold(bytes: number): void {
    if (this.#ended && bytes > 0) throw gone;
    this.add(bytes);
    const account = this.#account;
    if (bytes <= 0 || account.bytes <= account.limitBytes) return;
    if (account.exhausted || (this.bytes >= largeBytes && account.full())) throw account.refusal();
  }

  /** Everything is given back; nothing more is counted. */
  end(): void {
    this.add(-this.bytes);
    this.#ended = true;
  }

  stalledMs(nowMs: number): number {
    return this.#owner.stalledMs(nowMs);
  }

  evict(reason: StatusError): void {
    this.#owner.evict(reason);
  }
}

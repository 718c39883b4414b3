/**
 * The account of the bytes that the gateway holds on behalf of its clients, over all calls and connections.
 *
 * Counting is an addition. Only when there is too much does anything happen, in this order: copies of requests that
 * are kept for another attempt are let go, the largest first; whoever brings a large body more is refused; readers
 * who take nothing of what waits for them are cut off, those who hold most first. A quarter beyond the limit, those
 * who hold most go whatever they do; half beyond it, small calls are refused too. Envoy's overload manager resets the
 * streams that hold most in the same way, but knows no copies.
 */
import type { After, Clock } from '../base/clock.ts';
import { monotonic } from '../base/loop-clock.ts';
import { Code, StatusError } from '../base/status.ts';
import { after } from '../base/timer-wheel.ts';

/** What the bytes are held for. */
export const MemoryKind = {
  /** Of requests: nobody has taken them yet, because their model is not known, a place or a backend is waited for. */
  requests: 0,
  /** Of requests: they were sent, and are kept for another attempt. */
  copies: 1,
  /** Of gRPC-Web replies: messages that are not complete. */
  messages: 2,
  /** Of bodies in JSON: what they were decoded to. */
  tensors: 3,
  /** Of replies: they wait for their reader. */
  replies: 4,
  /** Messages that were inflated or rebuilt in another API, and the replies of backends in that API. */
  rebuilt: 5,
  /** Copies of requests that a second model is asked. */
  mirrors: 6,
} as const;
export type MemoryKind = (typeof MemoryKind)[keyof typeof MemoryKind];
export const heldNames = Object.keys(MemoryKind) as readonly (keyof typeof MemoryKind)[];

/** From this size on a holder is looked at when something must go, in bytes: smaller ones are many and free little. */
export const largeBytes = 65_536;

/** Somebody who holds bytes that can be had back. */
export interface Holder {
  readonly bytes: number;
  /** How long the reader has taken nothing, in ms; 0 for those who are no readers. */
  stalledMs(nowMs: number): number;
  /** Lets go of the bytes, whatever that costs. */
  evict(reason: StatusError): void;
}

/** A request whose sent part is kept. */
export interface Evictable {
  readonly copiedBytes: number;
  /** No call would miss it: it goes before all others. */
  readonly spare?: boolean;
  /** Lets go of the copy; nothing happens while somebody still needs it. */
  dropCopy(): void;
}

/** What was done about too much. */
export interface MemoryEvents {
  /** "memory": a body was refused. "memory copies": a copy was let go. "memory readers": a reader was cut off. */
  limited(limit: 'memory' | 'memory copies' | 'memory readers'): void;
}

export interface MemoryDeps {
  readonly events?: MemoryEvents;
  readonly clock?: Clock;
  readonly after?: After;
}

/**
 * What goes, goes until this share of the limit is held: freeing a little each time would mean to look again at once.
 */
const target = 0.95;
/** Beyond this times the limit it matters no more whether a reader is stalled. */
const hardFactor = 1.25;
/** Beyond this times the limit, small calls are refused too. */
const lastFactor = 1.5;
/** A reader who takes nothing for so long while there is too much is stalled, in ms. */
const stalledMs = 300;
/** How often is looked while there is too much, and far too much, in ms. */
const lookEveryMs = 100;
const hurryMs = 10;
/** When a client may come again, in ms. */
const retryAfterMs = 1000;

/**
 * Counts the bytes held for clients, by kind, against `limitBytes`; above it, copies and stalled calls are
 * evicted.
 */
export class MemoryAccount {
  /** All kinds together. */
  bytes = 0;
  #limitBytes: number;
  /** Beyond it there is something to do, and nobody does it yet. */
  #alarmBytes: number;
  readonly #held = new Float64Array(heldNames.length);
  readonly #copies = new Set<Evictable>();
  readonly #holders = new Set<Holder>();
  /** Doors, which know what waits in their connections. */
  readonly #holderSources = new Set<() => Iterable<Holder>>();
  /** Who is told what was done about too much. */
  events: MemoryEvents | undefined;
  readonly #clock: Clock;
  readonly #after: After;
  #disarm: (() => void) | undefined;

  constructor(limitBytes = Number.POSITIVE_INFINITY, deps: MemoryDeps = {}) {
    this.#limitBytes = limitBytes;
    this.#alarmBytes = limitBytes;
    this.events = deps.events;
    this.#clock = deps.clock ?? monotonic;
    this.#after = deps.after ?? after;
  }

  /** @param delta in bytes; negative: they are let go */
  add(kind: MemoryKind, delta: number): void {
    (this.#held[kind] as number) += delta;
    if ((this.bytes += delta) > this.#alarmBytes) this.#alarm();
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** A reload may set another one. */
  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
    this.#disarm?.();
    this.#disarm = undefined;
    this.#alarmBytes = bytes;
  }

  held(kind: MemoryKind): number {
    return this.#held[kind] as number;
  }

  /** From now on the copy may be let go; it takes itself out with forget(). */
  offer(copy: Evictable): void {
    this.#copies.add(copy);
  }

  forget(copy: Evictable): void {
    this.#copies.delete(copy);
  }

  /** For those who hold at least `largeBytes`. Gives what takes it out again. */
  register(holder: Holder): () => void {
    this.#holders.add(holder);
    return () => {
      this.#holders.delete(holder);
    };
  }

  /** @param waiting who holds bytes at this door now. Gives what takes the door out again */
  addHolders(waiting: () => Iterable<Holder>): () => void {
    this.#holderSources.add(waiting);
    return () => {
      this.#holderSources.delete(waiting);
    };
  }

  /** True when there is no room for a large body, even without the copies. */
  full(): boolean {
    return this.bytes > this.#limitBytes && !this.#dropCopies();
  }

  /** True when there is no room for anything. */
  get exhausted(): boolean {
    return this.bytes > this.#limitBytes * lastFactor;
  }

  /** True when there is no room for a request whose head is large. */
  lacksRoomFor({ headBytes = 0 }: { readonly headBytes?: number }): boolean {
    return this.bytes > this.#limitBytes && (this.exhausted || (headBytes > 0 && this.full()));
  }

  /** The error of a body that there is no room for. */
  refusal(): StatusError {
    this.events?.limited('memory');
    return this.#error();
  }

  #error(): StatusError {
    return new StatusError(
      Code.RESOURCE_EXHAUSTED,
      `the gateway holds ${this.bytes} bytes for its clients, the limit is ${this.#limitBytes} bytes (limits.memoryBytes)`,
      { retryAfterMs },
    );
  }

  /** True when that made room enough. */
  #dropCopies(): boolean {
    const goal = this.#limitBytes * target;
    const rank = ({ spare = false }: Evictable): number => (spare ? 1 : 0);
    for (const copy of [...this.#copies].sort((a, b) => rank(b) - rank(a) || b.copiedBytes - a.copiedBytes)) {
      if (this.bytes <= goal) break;
      const before = this.bytes;
      copy.dropCopy();
      if (this.bytes < before) this.events?.limited('memory copies');
    }
    return this.bytes <= this.#limitBytes;
  }

  /** Looks in a turn of its own: whoever adds bytes is in the middle of something. */
  #alarm(): void {
    const waited = this.#disarm !== undefined;
    this.#disarm?.();
    this.#alarmBytes = Number.POSITIVE_INFINITY;
    this.#lookIn(waited ? hurryMs : 0);
  }

  #lookIn(ms: number): void {
    this.#disarm = this.#after(ms, () => {
      this.#disarm = undefined;
      if (this.full()) this.#cutOff();
      if (this.bytes <= this.#limitBytes) {
        this.#alarmBytes = this.#limitBytes;
        return;
      }
      // who is stalled is seen with time, and what grows meanwhile is looked at sooner
      this.#alarmBytes = Math.max(this.bytes, this.#limitBytes * hardFactor);
      this.#lookIn(lookEveryMs);
    });
  }

  #cutOff(): void {
    const nowMs = this.#clock();
    const goal = this.#limitBytes * target;
    const holders = [...this.#holders];
    for (const waiting of this.#holderSources) holders.push(...waiting());
    const found = holders
      .map((holder) => ({ holder, bytes: holder.bytes, stalled: holder.stalledMs(nowMs) >= stalledMs }))
      .sort((a, b) => b.bytes - a.bytes);
    const cut = ({ holder }: { readonly holder: Holder }): void => {
      this.events?.limited('memory readers');
      holder.evict(this.#error());
    };
    for (const each of found) {
      if (this.bytes <= goal) return;
      if (each.stalled) cut(each);
    }
    for (const each of found) {
      if (this.bytes <= this.#limitBytes * hardFactor) return;
      if (!each.stalled) cut(each);
    }
  }
}

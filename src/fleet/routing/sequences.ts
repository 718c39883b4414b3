/**
 * Which backend holds the state of which sequence, as far as this gateway has seen: bounded, and forgotten when idle.
 */
import type { Clock } from '../../base/clock.ts';

export interface SequenceOptions {
  /** A sequence without a call for so long is over: OpenVINO Model Server sweeps idle ones too. In ms. */
  readonly idleMs: number;
  /** Sequences that are remembered; beyond it the longest idle one is forgotten, and the ring answers for it. */
  readonly max: number;
}

interface Pin<B> {
  readonly backend: B;
  usedMs: number;
}

/**
 * LRU table of sequence key to backend. An entry ends by `end()`, after `idleMs` without a call, or as the longest
 * idle one when there are more than `max`.
 */
export class Sequences<B> {
  readonly #options: () => SequenceOptions;
  readonly #clock: Clock;
  /** In order of use, the longest idle first. */
  readonly #pins = new Map<string, Pin<B>>();

  constructor(options: () => SequenceOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get size(): number {
    return this.#pins.size;
  }

  find(key: string): B | undefined {
    const pin = this.#pins.get(key);
    if (pin === undefined || this.#clock() - pin.usedMs > this.#options().idleMs) return undefined;
    return pin.backend;
  }

  /** Remembers, or remembers for longer. */
  keep(key: string, backend: B): void {
    this.#pins.delete(key);
    this.#pins.set(key, { backend, usedMs: this.#clock() });
    const { max, idleMs } = this.#options();
    const oldestMs = this.#clock() - idleMs;
    for (const [other, { usedMs }] of this.#pins) {
      if (this.#pins.size <= max && usedMs >= oldestMs) break;
      this.#pins.delete(other);
    }
  }

  end(key: string): void {
    this.#pins.delete(key);
  }
}

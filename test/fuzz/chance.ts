/** Chance that is the same in every run: what a generator draws its inputs from. */
import { type RandomBelow, seededBelow } from '../support/random.ts';

export class Chance {
  /** A whole number from 0 to `limit`, which is not among them. */
  readonly below: RandomBelow;

  constructor(seed: number) {
    this.below = seededBelow(seed);
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.below(100) < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** One of the values, by their weights. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let at = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of choices) {
      if (at < weight) return value;
      at -= weight;
    }
    throw new Error('no choices');
  }

  /** So many random bytes; some of them all of one kind, as random ones alone never get far. */
  bytes(length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    const way = this.below(8);
    if (way === 0) return out.fill(this.below(256));
    const [from, range] = way === 1 ? [0x20, 0x5f] : way === 2 ? [0, 4] : [0, 256];
    for (let i = 0; i < length; i++) out[i] = from + this.below(range);
    return out;
  }

  /** Small mostly, now and then up to `most`. */
  size(most: number): number {
    return this.below([2, 10, 100, most][this.below(4)] ?? most) % (most + 1);
  }

  /** Where bytes are cut in two or more; the pieces together are all of them. */
  pieces(bytes: Buffer): Buffer[] {
    if (bytes.length < 2 || this.percent(55)) return [bytes];
    const everyByte = bytes.length < 200 && this.percent(5);
    const out: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const to = at + (everyByte ? 1 : 1 + this.below(this.percent(30) ? 8 : bytes.length));
      out.push(bytes.subarray(at, to));
      at = to;
    }
    return out;
  }
}

/** The seed of one input of a run: each can be made again without those before it. FNV-1a. */
export function seedOf(seed: number, name: string, index: number): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${name}/${index}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

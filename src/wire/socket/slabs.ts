/** Memory that outgoing frames are collected in: taken for a turn, given back as soon as the kernel has the bytes. */

/**
 * Twice what a socket read or a piece of a reply has at the most, with frames around it, so that they leave together.
 */
export const slabBytes = 135_168;
/** As many as there are connections that write in the same turn, commonly. */
const maxIdle = 16;

const idle: Buffer[] = [];

/** Returns a buffer of `slabBytes` with arbitrary content, an idle one where there is one. */
export function takeSlab(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
}

/** Only a slab that nobody reads any more may come back. */
export function giveSlabBack(slab: Buffer): void {
  if (idle.length < maxIdle) idle.push(slab);
}

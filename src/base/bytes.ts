/** Small things with bytes: numbers in them, and chunks that are kept, of which many tiny ones are joined. */

/**
 * Smaller chunks are joined, in bytes: each costs some hundred bytes of memory beside its own, and copying so much is
 * cheap.
 */
const tinyBytes = 512;
/** A message in a few parts is left as it came. */
const fewChunks = 4;
/** What a joined piece begins with and may grow to, in bytes. */
const firstPieceBytes = 1024;
const maxPieceBytes = 16_384;

/** Bytes that are taken of the memory behind each joined piece. */
const taken = new WeakMap<ArrayBufferLike, number>();

/** The 32 bits at a place, the highest byte first: a DataView costs a small message more than reading it. */
export function uint32At(bytes: Uint8Array, at: number): number {
  const high = bytes[at] as number;
  return (
    high * 2 ** 24 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

/**
 * Whether the bytes from `from` up to `to` are the known ones; looked at from their end, since what repeats begins
 * alike.
 */
export function isAt(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let i = known.length - 1; i >= 0; i--) if (known[i] !== bytes[from + i]) return false;
  return true;
}

/**
 * Appends a chunk to a list; a tiny one may become part of the last entry, which is replaced and never changed. False
 * when it was copied.
 */
export function joinInto(chunks: Uint8Array[], chunk: Uint8Array): boolean {
  const at = chunks.length - 1;
  if (at < fewChunks || chunk.length > tinyBytes) {
    chunks.push(chunk);
    return true;
  }
  const last = chunks[at] as Uint8Array;
  const { buffer, length } = last;
  const joined = length + chunk.length;
  const inPiece = taken.get(buffer);
  if (joined > maxPieceBytes || (inPiece === undefined && length > tinyBytes)) {
    chunks.push(chunk);
    return true;
  }
  // another list may have gone on from here
  if (inPiece === length && joined <= buffer.byteLength) {
    new Uint8Array(buffer).set(chunk, length);
    taken.set(buffer, joined);
    chunks[at] = Buffer.from(buffer as ArrayBuffer, 0, joined);
    return false;
  }
  const piece = Buffer.allocUnsafeSlow(Math.min(maxPieceBytes, Math.max(firstPieceBytes, joined * 2)));
  piece.set(last);
  piece.set(chunk, length);
  taken.set(piece.buffer, joined);
  chunks[at] = piece.subarray(0, joined);
  return false;
}

/** A copy in memory that nobody else has a part of. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Compressed messages: the codings that the gateway can read, never further than it must. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { Code, StatusError } from '../base/status.ts';

/** A content coding that is read; of either protocol. */
export type Coding = 'gzip' | 'deflate' | 'zstd';

/** They are offered in this order. Node reads zstd from 22.15 on. */
export const codings: readonly Coding[] = [
  'gzip',
  'deflate',
  ...('createZstdDecompress' in zlib ? (['zstd'] as const) : []),
];

/** What inflates: zlib's streams count the bytes that they have used up. */
export type Inflater = Transform & { readonly bytesWritten: number };

/** RFC 9659: a window of 8 MiB is all that a sender may ask for. As a power of two. */
const maxZstdWindow = 23;

/**
 * @param chunkSize what it inflates into at a time, in bytes; zlib's own when absent
 * @param isRaw deflate data have no zlib header
 */
export function createInflater(coding: Coding, chunkSize: number | undefined, isRaw = false): Inflater {
  const options = chunkSize === undefined ? {} : { chunkSize };
  if (coding === 'gzip') return zlib.createGunzip(options);
  if (coding === 'deflate') return isRaw ? zlib.createInflateRaw(options) : zlib.createInflate(options);
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: maxZstdWindow };
  return zlib.createZstdDecompress({ ...options, params });
}

export interface InflateLimits {
  /** The most that a message may become, in bytes. */
  readonly maxMessageBytes: number;
  /** Bytes that each byte of a message may become, above the first MiB: tensors become 2 to 20, empty images 1000. */
  readonly maxInflateRatio: number;
}

/** Told of bytes as they come out; negative: they are let go. What it throws ends the work. */
export type HoldBytes = (bytes: number) => void;

const freeInflatedBytes = 2 ** 20;
/** How much is inflated before the first look, in bytes. */
const firstLookBytes = 4096;
/** What comes out of a message of at least so many bytes comes in larger chunks, in bytes. */
const largeMessageBytes = 65_536;
const largeChunkBytes = 65_536;

/** @throws StatusError UNIMPLEMENTED for an unknown coding, with those that are taken (gRPC's compression.md) */
function inflaterOf(encoding: string, bytes: number): Inflater {
  const name = encoding.toLowerCase();
  const coding = codings.find((each) => each === name);
  if (coding !== undefined)
    return createInflater(coding, bytes < largeMessageBytes ? undefined : largeChunkBytes);
  if (name === 'identity')
    throw new StatusError(
      Code.INTERNAL,
      'the message is marked as compressed, but grpc-encoding names no coding',
    );
  const accepts = ['identity', ...codings];
  throw new StatusError(
    Code.UNIMPLEMENTED,
    `grpc-encoding "${encoding.slice(0, 40)}" is not supported: ${accepts.join(', ')}`,
    { accepts },
  );
}

const invalid = (encoding: string, cause: unknown): StatusError =>
  new StatusError(Code.INTERNAL, `the message is no valid ${encoding.toLowerCase()} data`, { cause });

/**
 * Behind the end of deflate data and of a zstd frame zlib looks no further, where other readers may; members of gzip
 * it reads all.
 */
function checkWhole({ bytesWritten }: Inflater, message: Uint8Array, encoding: string): void {
  if (encoding.toLowerCase() !== 'gzip' && bytesWritten < message.length)
    throw invalid(encoding, new Error('bytes behind the end of the data'));
}

/** What a message of so many compressed bytes may become. */
function maxInflatedBytes(bytes: number, { maxMessageBytes, maxInflateRatio }: InflateLimits): number {
  return Math.min(maxMessageBytes, Math.max(freeInflatedBytes, bytes * maxInflateRatio));
}

function tooLarge(compressedBytes: number, limits: InflateLimits): StatusError {
  const bytes = maxInflatedBytes(compressedBytes, limits);
  const text = bytes === limits.maxMessageBytes ? '' : ` for one that takes ${compressedBytes} bytes`;
  return new StatusError(
    Code.RESOURCE_EXHAUSTED,
    `decompressed message is larger than the limit of ${bytes} bytes${text}`,
  );
}

/**
 * A compressed message, inflated; what it becomes stays held when this is done.
 * @param encoding the grpc-encoding that came with it
 * @throws StatusError UNIMPLEMENTED for an unknown coding, RESOURCE_EXHAUSTED beyond a limit, INTERNAL for broken data
 */
export async function inflateMessage(
  message: Uint8Array,
  encoding: string,
  limits: InflateLimits,
  hold?: HoldBytes,
): Promise<Uint8Array> {
  const all = await inflate(message, encoding, limits, hold, (chunks, complete) =>
    complete ? chunks() : undefined,
  );
  return all as Uint8Array;
}

/**
 * Inflates a message from its beginning until somebody has read there what is looked for; nothing of it is held
 * afterwards.
 * @param read gets what is inflated so far, and whether that is all; undefined when it needs more
 * @throws StatusError as inflateMessage()
 */
export async function inflateUntil<T>(
  message: Uint8Array,
  encoding: string,
  limits: InflateLimits,
  read: (beginning: Uint8Array, complete: boolean) => T | undefined,
  hold?: HoldBytes,
): Promise<T | undefined> {
  let held = 0;
  let next = firstLookBytes;
  const holdHere = (bytes: number): void => {
    held += bytes;
    hold?.(bytes);
  };
  try {
    return await inflate(message, encoding, limits, holdHere, (soFar, complete) => {
      if (!complete && held < next) return undefined;
      next = 2 * held;
      return read(soFar(), complete);
    });
  } finally {
    hold?.(-held);
  }
}

/**
 * Inflates a message to its end, and keeps nothing of it.
 * @param take gets each chunk as it comes out; what it throws ends the work
 * @throws StatusError as inflateMessage()
 */
export async function inflateEach(
  message: Uint8Array,
  encoding: string,
  limits: InflateLimits,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  const inflater = inflaterOf(encoding, message.length);
  const most = maxInflatedBytes(message.length, limits);
  let bytes = 0;
  inflater.end(message);
  try {
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) throw tooLarge(message.length, limits);
      take(chunk);
    }
    checkWhole(inflater, message, encoding);
  } catch (reason) {
    throw reason instanceof StatusError ? reason : invalid(encoding, reason);
  } finally {
    inflater.destroy();
  }
}

/**
 * @param look asked after each chunk; gets what joins all so far, and whether that is all. It ends with the first
 *   answer
 */
async function inflate<T>(
  message: Uint8Array,
  encoding: string,
  limits: InflateLimits,
  hold: HoldBytes | undefined,
  look: (soFar: () => Uint8Array, complete: boolean) => T | undefined,
): Promise<T | undefined> {
  const inflater = inflaterOf(encoding, message.length);
  const most = maxInflatedBytes(message.length, limits);
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  const soFar = (): Uint8Array => {
    if (chunks.length !== 1) chunks = [Buffer.concat(chunks)];
    return chunks[0] as Uint8Array;
  };
  inflater.end(message);
  try {
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > most) throw tooLarge(message.length, limits);
      hold?.(chunk.length);
      const found = look(soFar, false);
      if (found !== undefined) return found;
    }
    checkWhole(inflater, message, encoding);
  } catch (reason) {
    throw reason instanceof StatusError ? reason : invalid(encoding, reason);
  } finally {
    inflater.destroy();
  }
  return look(soFar, true);
}

/** Compressed gRPC messages: the codings that the gateway can read, never further than it must. */
import { promisify } from 'node:util';
import { createGunzip, createInflate, gunzip, inflate } from 'node:zlib';
import { Code, StatusError } from '../call/index.ts';

interface Coding {
  readonly whole: typeof gunzip;
  readonly stream: () => ReturnType<typeof createGunzip>;
}

const codings: Readonly<Record<string, Coding>> = {
  gzip: { whole: gunzip, stream: createGunzip },
  deflate: { whole: inflate, stream: createInflate },
};

/** Bytes that each byte of a message may become, above the first MiB: tensors become 2 to 20, empty images 1000. */
const maxInflateRatio = 100;
const freeInflatedBytes = 2 ** 20;
/** How much is inflated before the first look, in bytes. */
const firstLookBytes = 4096;

/** @throws StatusError UNIMPLEMENTED for an unknown coding */
function codingOf(encoding: string): Coding {
  const coding = Object.hasOwn(codings, encoding) ? codings[encoding] : undefined;
  if (coding !== undefined) return coding;
  throw encoding === 'identity'
    ? new StatusError(Code.INTERNAL, 'the message is marked as compressed, but grpc-encoding names no coding')
    : new StatusError(
        Code.UNIMPLEMENTED,
        `grpc-encoding "${encoding.slice(0, 40)}" is not supported: identity, ${Object.keys(codings).join(', ')}`,
      );
}

const invalid = (encoding: string, cause: unknown): StatusError =>
  new StatusError(Code.INTERNAL, `the message is no valid ${encoding} data`, { cause });

/** What a message of so many compressed bytes may become. */
function maxInflatedBytes(compressedBytes: number, maxMessageBytes: number): number {
  return Math.min(maxMessageBytes, Math.max(freeInflatedBytes, compressedBytes * maxInflateRatio));
}

function tooLarge(compressedBytes: number, maxMessageBytes: number): StatusError {
  const bytes = maxInflatedBytes(compressedBytes, maxMessageBytes);
  const text = bytes === maxMessageBytes ? '' : ` for one that takes ${compressedBytes} bytes`;
  return new StatusError(
    Code.RESOURCE_EXHAUSTED,
    `decompressed message is larger than the limit of ${bytes} bytes${text}`,
  );
}

/**
 * A compressed message, inflated.
 * @param encoding the grpc-encoding that came with it
 * @throws StatusError UNIMPLEMENTED for an unknown coding, RESOURCE_EXHAUSTED beyond a limit, INTERNAL for broken data
 */
export async function inflateMessage(
  message: Uint8Array,
  encoding: string,
  maxMessageBytes: number,
): Promise<Uint8Array> {
  const { whole } = codingOf(encoding);
  const options = { maxOutputLength: maxInflatedBytes(message.length, maxMessageBytes) };
  return promisify<Uint8Array, object, Buffer>(whole)(message, options).catch((cause: unknown) => {
    throw (cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
      ? tooLarge(message.length, maxMessageBytes)
      : invalid(encoding, cause);
  });
}

/**
 * Inflates a message from its beginning until somebody has read there what is looked for.
 * @param read gets what is inflated so far, and whether that is all; undefined when it needs more
 * @throws StatusError as inflateMessage()
 */
export async function inflateUntil<T>(
  message: Uint8Array,
  encoding: string,
  maxMessageBytes: number,
  read: (beginning: Uint8Array, complete: boolean) => T | undefined,
): Promise<T | undefined> {
  const { stream } = codingOf(encoding);
  const limit = maxInflatedBytes(message.length, maxMessageBytes);
  const inflater = stream();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let next = firstLookBytes;
  inflater.end(message);
  try {
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > limit) throw tooLarge(message.length, maxMessageBytes);
      if (bytes < next) continue;
      next = 2 * bytes;
      const found = read(Buffer.concat(chunks), false);
      if (found !== undefined) return found;
    }
  } catch (reason) {
    throw reason instanceof StatusError ? reason : invalid(encoding, reason);
  } finally {
    inflater.destroy();
  }
  return read(Buffer.concat(chunks), true);
}

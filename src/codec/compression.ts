/** Compressed gRPC messages: the codings that the gateway can read. */
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { Code, StatusError } from '../call/index.ts';

const inflaters: Readonly<Record<string, typeof gunzip>> = { gzip: gunzip, deflate: inflate };

/**
 * A compressed message, inflated.
 * @param encoding the grpc-encoding that came with it
 * @throws StatusError UNIMPLEMENTED for an unknown coding, RESOURCE_EXHAUSTED beyond the limit, INTERNAL for broken data
 */
export async function inflateMessage(
  message: Uint8Array,
  encoding: string,
  maxMessageBytes: number,
): Promise<Uint8Array> {
  const inflater = Object.hasOwn(inflaters, encoding) ? inflaters[encoding] : undefined;
  if (inflater === undefined) {
    throw encoding === 'identity'
      ? new StatusError(
          Code.INTERNAL,
          'the message is marked as compressed, but grpc-encoding names no coding',
        )
      : new StatusError(
          Code.UNIMPLEMENTED,
          `grpc-encoding "${encoding.slice(0, 40)}" is not supported: identity, ${Object.keys(inflaters).join(', ')}`,
        );
  }
  const options = { maxOutputLength: maxMessageBytes };
  return promisify<Uint8Array, object, Buffer>(inflater)(message, options).catch((cause: unknown) => {
    const tooLarge = (cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
    throw tooLarge
      ? new StatusError(
          Code.RESOURCE_EXHAUSTED,
          `decompressed message is larger than the limit of ${maxMessageBytes} bytes`,
        )
      : new StatusError(Code.INTERNAL, `the message is no valid ${encoding} data`, { cause });
  });
}

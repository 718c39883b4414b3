/** The last frame of a gRPC-Web reply: the trailers, as a block of header lines (PROTOCOL-WEB.md). */
import { memoizeByIdentity } from '../../base/identity-memo.ts';
import { encodeGrpcMessage, type Metadata } from '../../call/index.ts';

const trailerFlag = 0x80;

/** A value that cannot end its line: what came from a backend is not trusted to be clean. */
function clean(name: string, value: string): string {
  if (name === 'grpc-message') {
    // JavaScript clients call decodeURIComponent, which throws on a stray percent sign
    return /%(?![0-9a-fA-F]{2})/.test(value) ? encodeGrpcMessage(value) : value.replace(/[\r\n]/g, ' ');
  }
  return value.replace(/[\r\n]/g, ' ');
}

/** Remembered by the list's identity: a backend's trailers are the same list as long as they are the same. */
export const trailerFrame: (trailers: Metadata) => Uint8Array = memoizeByIdentity(build);

function build(trailers: Metadata): Uint8Array {
  let text = '';
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    if (name.charCodeAt(0) === 58 /* : */) continue;
    text += `${name}: ${clean(name, trailers[i + 1] as string)}\r\n`;
  }
  const bytes = Buffer.from(`\0\0\0\0\0${text}`, 'latin1');
  bytes[0] = trailerFlag;
  bytes.writeUInt32BE(bytes.length - 5, 1);
  return bytes;
}

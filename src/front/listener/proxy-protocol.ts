/**
 * The PROXY protocol, versions 1 and 2 (HAProxy, proxy-protocol.txt): who a connection is from, before its first
 * byte.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { ipOf } from '../../base/addresses.ts';

export interface ProxyHeader {
  /** "192.0.2.1:50000"; undefined when the proxy speaks for itself (a health check), or of no address of IP. */
  readonly peer: string | undefined;
  /** Of the header. */
  readonly bytes: number;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const begin = Buffer.from('PROXY ', 'latin1');
/** With its line end (§2.1). */
const maxLineBytes = 107;
const fixedBytes = 16;
/** Addresses, and what more a proxy tells: certificates' names, a VPC's id. */
const maxVariableBytes = 4096;

/** Undefined while it is not whole. @throws Error for what is no header */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsLike(bytes, begin)) return readLine(bytes);
  if (startsLike(bytes, signature)) return readBinary(bytes);
  throw new Error('no PROXY header');
}

function startsLike(bytes: Buffer, text: Buffer): boolean {
  const length = Math.min(bytes.length, text.length);
  return bytes.compare(text, 0, length, 0, length) === 0;
}

const isPort = (text: string | undefined): text is string =>
  text !== undefined && /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function readLine(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, maxLineBytes).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length >= maxLineBytes) throw new Error('a PROXY line is too long');
    return undefined;
  }
  const size = end + 2;
  const [, family, from = '', to = '', port, toPort, more] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { peer: undefined, bytes: size };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (isAddress?.(from) !== true || !isAddress(to) || from.includes('%') || more !== undefined)
    throw new Error('a PROXY line without addresses');
  if (!isPort(port) || !isPort(toPort)) throw new Error('a PROXY line without ports');
  return { peer: `${ipOf(from)}:${port}`, bytes: size };
}

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < fixedBytes) return undefined;
  const kind = bytes[12] as number;
  const family = (bytes[13] as number) >> 4;
  const transport = (bytes[13] as number) & 15;
  const length = bytes.readUInt16BE(14);
  if (kind !== 0x20 && kind !== 0x21) throw new Error('a PROXY header of another version or command');
  if (length > maxVariableBytes) throw new Error('a PROXY header is too long');
  if (bytes.length < fixedBytes + length) return undefined;
  const size = fixedBytes + length;
  // LOCAL, or addresses that are none of IP: the connection's own count
  if (kind === 0x20 || (family !== 1 && family !== 2)) return { peer: undefined, bytes: size };
  if (transport !== 1) throw new Error('a PROXY header for another transport than TCP');
  const each = family === 1 ? 4 : 16;
  if (length < 2 * each + 4) throw new Error('a PROXY header without addresses');
  const address = addressIn(bytes.subarray(fixedBytes, fixedBytes + each));
  return { peer: `${address}:${bytes.readUInt16BE(fixedBytes + 2 * each)}`, bytes: size };
}

function addressIn(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  const mapped = groups.slice(0, 6).join() === '0,0,0,0,0,ffff';
  if (mapped) return bytes.subarray(12).join('.');
  // as others write it (RFC 5952)
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * What node:http takes of a request's head and RFC 9112 says must be refused; and the target in the form that all
 * else reads.
 */
import type { IncomingMessage } from 'node:http';
import { isHostValue, readAbsoluteTarget } from '../../wire/index.ts';

export interface Fault {
  readonly status: number;
  /** For the client. */
  readonly text: string;
}

const fault = (status: number, text: string): Fault => ({ status, text });

/** Only "chunked" says where a body ends, and only once (RFC 9112 §6.1). */
function codingFault(codings: readonly string[], minor: number): Fault | undefined {
  if (codings.length === 0) return undefined;
  if (minor === 0) return fault(400, 'Transfer-Encoding does not exist in HTTP/1.0');
  const list = codings
    .join()
    .split(',')
    .map((coding) => coding.trim().toLowerCase());
  if (list.length === 1 && list[0] === 'chunked') return undefined;
  if (list.at(-1) !== 'chunked' || list.indexOf('chunked') < list.length - 1)
    return fault(400, 'Transfer-Encoding must end in "chunked", and name it once');
  const other = list[0] as string;
  return fault(501, `transfer coding "${other.slice(0, 40)}" is not read here: send chunked alone`);
}

function hostFault(hosts: readonly string[], minor: number): Fault | undefined {
  const [host] = hosts;
  if (hosts.length > 1) return fault(400, 'the request has more than one Host field');
  if (host === undefined) return minor === 0 ? undefined : fault(400, 'the request has no Host field');
  return isHostValue(host) ? undefined : fault(400, `Host "${host.slice(0, 100)}" is no host`);
}

/**
 * Judges a request of node:http's, and gives one in absolute form the target and the host that it means.
 * @param maxFields header fields
 */
export function faultOf(request: IncomingMessage, maxFields: number): Fault | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, rawHeaders, method = '' } = request;
  if (major !== 1) return fault(505, `HTTP/${major}.${minor} is not spoken in this form`);
  if (rawHeaders.length > 2 * maxFields)
    return fault(431, `the request has more header fields than the limit of ${maxFields}`);
  const hosts: string[] = [];
  const codings: string[] = [];
  let hostAt = -1;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1] as string;
    switch ((rawHeaders[i] as string).toLowerCase()) {
      case 'host':
        hosts.push(value);
        hostAt = i;
        break;
      case 'transfer-encoding':
        codings.push(value);
        break;
    }
  }
  const found = hostFault(hosts, minor) ?? codingFault(codings, minor);
  if (found !== undefined) return found;
  const target = request.url ?? '';
  if (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) return undefined;
  const absolute = readAbsoluteTarget(target, method);
  if (absolute === undefined)
    return fault(400, `request target "${target.slice(0, 100)}" is neither a path nor an address of http`);
  request.url = absolute.path;
  request.headers.host = absolute.authority;
  if (hostAt >= 0) rawHeaders[hostAt + 1] = absolute.authority;
  return undefined;
}

/** Errors of node:http's parser that are not a plain 400 (RFC 9112 §9.5, RFC 6585 §5). */
const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What a client is told of a request that cannot be read. @param maxBytes of a head */
export function parseFault(error: Error & { code?: string; reason?: string }, maxBytes: number): Fault {
  const { code = '', reason } = error;
  switch (statuses[code]) {
    case 431:
      return fault(431, `the request's head is larger than the limit of ${maxBytes} bytes`);
    case 413:
      return fault(413, 'the extensions of chunks are too long');
    case 408:
      return fault(408, 'the request took too long to come');
    default:
      return fault(400, `the request is no HTTP/1.1: ${reason ?? error.message}`);
  }
}

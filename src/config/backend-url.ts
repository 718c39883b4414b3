/** URLs of backends: which API, plain or TLS, where. */

export interface BackendUrl {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** "detect": the backend is asked; "http": no API of ours, requests pass as they are. */
  readonly api: 'detect' | 'tfs' | 'kserve' | 'tfs+http' | 'kserve+http' | 'http';
  /** "a" and "srv" when the host is a DNS name whose records are the backends; absent for one backend. */
  readonly records?: 'a' | 'srv';
}

/** With an s at the end they ask for TLS; the s of "tfs" is its own. */
const schemes: ReadonlyMap<string, BackendUrl['api']> = new Map([
  ['grpc', 'detect'],
  ['tfs', 'tfs'],
  ['kserve', 'kserve'],
  ['tfs+http', 'tfs+http'],
  ['kserve+http', 'kserve+http'],
  ['http', 'http'],
]);
/** Before the scheme: look the name up, and follow its changes. */
const recordsOf = { 'dns+': 'a', 'srv+': 'srv' } as const;
const pattern = /^([a-z+]+):\/\/(\[[0-9a-fA-F:.]+\]|[^/:@?#\s]+):([0-9]{1,5})\/?$/;

/**
 * The parts of a URL, or what is wrong with it. `dns+tfs://name:port` and `srv+tfs://name` stand for a name's
 * records.
 */
export function parseBackendUrl(url: string): BackendUrl | string {
  for (const [prefix, records] of Object.entries(recordsOf)) {
    if (!url.startsWith(prefix)) continue;
    const rest = url.slice(prefix.length);
    // SRV records bring the port
    const parsed = parseOne(records === 'srv' && !/:\d+\/?$/.test(rest) ? `${rest}:1` : rest);
    if (typeof parsed === 'string') return parsed;
    return parsed.api === 'http' ? 'http:// backends are listed one by one' : { ...parsed, records };
  }
  return parseOne(url);
}

function parseOne(url: string): BackendUrl | string {
  const match = pattern.exec(url);
  if (match === null) {
    return `"${url}" is no backend URL: write grpc://host:port, tfs://host:port or http://host:port (grpcs://, tfss://, https:// for TLS)`;
  }
  const [, word = '', host = '', portText] = match;
  const tls = !schemes.has(word) && word.endsWith('s');
  const api = schemes.get(tls ? word.slice(0, -1) : word);
  if (api === undefined) {
    return `"${word}" is no scheme of backends: ${[...schemes.keys()].join(', ')}, and the same with s for TLS`;
  }
  const port = Number(portText);
  if (port < 1 || port > 65_535) return `port ${port} is not between 1 and 65535`;
  return { host: host.replace(/^\[|\]$/g, ''), port, tls, api };
}

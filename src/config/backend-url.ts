/** URLs of backends: which API, plain or TLS, where. */

export interface BackendUrl {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** "detect": the backend is asked; "http": no API of ours, requests pass as they are. */
  readonly api: 'detect' | 'tfs' | 'kserve' | 'tfs+http' | 'kserve+http' | 'http';
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
const pattern = /^([a-z+]+):\/\/(\[[0-9a-fA-F:.]+\]|[^/:@?#\s]+):([0-9]{1,5})\/?$/;

/** The parts of a URL, or what is wrong with it. */
export function parseBackendUrl(url: string): BackendUrl | string {
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

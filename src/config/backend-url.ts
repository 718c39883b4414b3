/** URLs of backends: which API, plain or TLS, where. */

export interface BackendUrl {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

const spoken: ReadonlySet<string> = new Set(['grpc', 'tfs']);
/** Named in the command line's contract and not spoken yet: said plainly rather than failing on the first call. */
const coming: ReadonlySet<string> = new Set(['kserve', 'tfs+http', 'kserve+http']);
const pattern = /^([a-z+]+):\/\/(\[[0-9a-fA-F:.]+\]|[^/:@?#\s]+):([0-9]{1,5})\/?$/;

/** The parts of a URL, or what is wrong with it. */
export function parseBackendUrl(url: string): BackendUrl | string {
  const match = pattern.exec(url);
  if (match === null) {
    return `"${url}" is no backend URL: write grpc://host:port or tfs://host:port (grpcs://, tfss:// for TLS)`;
  }
  const [, word = '', host = '', portText] = match;
  // an s at the end asks for TLS, unless the scheme's own name ends in it
  const tls = !spoken.has(word) && !coming.has(word) && word.endsWith('s');
  const scheme = tls ? word.slice(0, -1) : word;
  if (coming.has(scheme)) {
    return `${scheme} backends are not supported yet: TensorFlow Serving's gRPC API is (tfs://host:port)`;
  }
  if (!spoken.has(scheme))
    return `"${word}" is no scheme of backends: grpc, tfs, and the same with s for TLS`;
  const port = Number(portText);
  if (port < 1 || port > 65_535) return `port ${port} is not between 1 and 65535`;
  return { host: host.replace(/^\[|\]$/g, ''), port, tls };
}

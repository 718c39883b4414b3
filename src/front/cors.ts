/** CORS (Fetch standard): which pages of other origins may call, and what their scripts may read of the answers. */

import { wideFields } from '../models/index.ts';

export interface CorsOptions {
  /** Allowed origins ("https://app.example"), or "*" for all. None: the headers are left out. */
  readonly origins: readonly string[];
  /** Cookies and authorization may be sent: then an allowed origin is echoed, never "*". */
  readonly allowCredentials: boolean;
  /** How long a browser may remember a preflight's answer, in seconds. */
  readonly maxAgeSeconds: number;
  /** Response headers that scripts may read, beyond gRPC's own. */
  readonly exposeHeaders: readonly string[];
}

type Fields = readonly (readonly [name: string, value: string])[];

export interface Cors {
  /** For every answer, errors included: without them a browser shows a bare network error. */
  readonly headers: (origin: string | undefined) => Fields;
  /** For an OPTIONS request. */
  readonly preflight: (
    origin: string | undefined,
    method: string | undefined,
    requestHeaders: string | undefined,
    /** What the path takes; what RPCs and REST take when absent. */
    methods?: string,
  ) => Fields;
}

/** What gRPC-Web clients read (PROTOCOL-WEB.md), and ours. */
const exposed = [
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'grpc-encoding',
  'grpc-accept-encoding',
  'x-request-id',
  'x-served-by',
  'x-model-version',
  ...Object.values(wideFields),
];
/** A field list that a browser sent back to itself must not carry anything else. */
const safeHeaderList = /^[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,4096}$/;

/**
 * Creates the functions that build CORS response headers (Fetch standard, CORS protocol). An origin that is not
 * allowed gets `vary: Origin` alone, and nothing at all when `origins` is empty.
 */
export function createCors(options: CorsOptions): Cors {
  const { allowCredentials, maxAgeSeconds } = options;
  const all = options.origins.includes('*');
  const origins = new Set(options.origins);
  const expose = [...new Set([...exposed, ...options.exposeHeaders])].join(', ');
  const anyone: Fields = [
    ['access-control-allow-origin', '*'],
    ['access-control-expose-headers', expose],
  ];
  const nobody: Fields = origins.size === 0 ? [] : [['vary', 'Origin']];

  function headers(origin: string | undefined): Fields {
    if (all && !allowCredentials) return origin === undefined ? [] : anyone;
    if (origin === undefined || !(all || origins.has(origin))) return nobody;
    return [
      ['access-control-allow-origin', origin],
      ['vary', 'Origin'],
      ...(allowCredentials ? ([['access-control-allow-credentials', 'true']] as const) : []),
      ['access-control-expose-headers', expose],
    ];
  }

  return {
    headers,
    preflight(origin, method, requestHeaders, methods = 'GET, HEAD, POST, OPTIONS') {
      const allowed = headers(origin).filter(([name]) => name !== 'access-control-expose-headers');
      if (origin === undefined || !allowed.some(([name]) => name === 'access-control-allow-origin'))
        return allowed;
      const list = requestHeaders !== undefined && safeHeaderList.test(requestHeaders) ? requestHeaders : '';
      return [
        ...allowed,
        ['access-control-allow-methods', method === undefined ? 'GET, POST, OPTIONS' : methods],
        ...(list === '' ? [] : ([['access-control-allow-headers', list]] as const)),
        ['access-control-max-age', String(maxAgeSeconds)],
      ];
    },
  };
}

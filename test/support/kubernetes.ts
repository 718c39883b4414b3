/**
 * A Kubernetes API of a test's own, for EndpointSlices alone: lists in pages, watches with resourceVersions,
 * bookmarks, a history that is compacted (410), ERROR events, tokens that are checked. As the API conventions (API
 * concepts, "Efficient detection of changes") describe it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Slice {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    resourceVersion?: string;
  };
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: 'TCP' }[];
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: {
      readonly ready?: boolean;
      readonly serving?: boolean;
      readonly terminating?: boolean;
    };
    readonly zone?: string;
    readonly hints?: { readonly forZones?: readonly { readonly name: string }[] };
    readonly targetRef?: {
      readonly kind: string;
      readonly uid?: string;
      readonly namespace?: string;
      readonly name?: string;
    };
  }[];
}

/** A slice of the service `tfs` with these addresses, all ready, in port `grpc`. */
export function slice(name: string, addresses: readonly string[], fields: Partial<Slice> = {}): Slice {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'tfs' } },
    addressType: 'IPv4',
    ports: [{ name: 'grpc', port: 8500, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ...fields,
  };
}

interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: Slice;
}

export interface TestKubernetes {
  readonly url: string;
  /** Tokens that are let in; all when empty. */
  readonly tokens: Set<string>;
  /** Paths that were asked for, with their query. */
  readonly asked: string[];
  /** Status of every answer from now on; undefined answers. */
  failing: number | undefined;
  /** Watches are accepted and never answered, or answered with an error whose text never ends. */
  stalling: 'head' | 'error' | undefined;
  /** Slices of one answer at most, whatever the client asks for. */
  pageSize: number;
  put(slice: Slice): void;
  remove(name: string): void;
  /** Forgets the history: watches from before get 410. */
  compact(): void;
  /** Ends the watches under way: cleanly, or with an ERROR event. */
  endWatches(error?: number): void;
  bookmark(): void;
  readonly watches: number;
  stop(): Promise<void>;
}

const status = (code: number, reason: string): object => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
});

/** @param tls PEM texts; plain HTTP without them, as kubectl proxy speaks it */
export async function startKubernetes(tls?: { cert: string; key: string }): Promise<TestKubernetes> {
  const slices = new Map<string, Slice>();
  let version = 1;
  let oldest = 1;
  let history: Change[] = [];
  const watches = new Set<ServerResponse>();
  const line = (response: ServerResponse, type: string, object: object): void =>
    void response.write(`${JSON.stringify({ type, object })}\n`);
  const change = (type: Change['type'], slice: Slice): void => {
    version++;
    const object = { ...slice, metadata: { ...slice.metadata, resourceVersion: String(version) } };
    if (type === 'DELETED') slices.delete(slice.metadata.name);
    else slices.set(slice.metadata.name, object);
    history.push({ type, version, object });
    for (const watch of watches) line(watch, type, object);
  };

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://kubernetes');
    fake.asked.push(`${url.pathname}${url.search}`);
    const answer = (code: number, body: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (fake.tokens.size > 0 && !fake.tokens.has(token)) return answer(401, status(401, 'Unauthorized'));
    if (fake.failing !== undefined) return answer(fake.failing, status(fake.failing, 'InternalError'));
    if (url.pathname !== '/apis/discovery.k8s.io/v1/namespaces/models/endpointslices')
      return answer(404, status(404, 'NotFound'));
    const service = /^kubernetes\.io\/service-name=(.+)$/.exec(
      url.searchParams.get('labelSelector') ?? '',
    )?.[1];
    const matches = (slice: Slice): boolean =>
      slice.metadata.labels['kubernetes.io/service-name'] === service;
    if (url.searchParams.get('watch') === '1') {
      const from = Number(url.searchParams.get('resourceVersion'));
      if (fake.stalling === 'head') return;
      if (fake.stalling === 'error') {
        response.writeHead(503, { 'content-type': 'application/json' }).flushHeaders();
        return;
      }
      if (from < oldest) return answer(410, status(410, 'Expired'));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      for (const { type, version: at, object } of history)
        if (at > from && matches(object)) line(response, type, object);
      watches.add(response);
      response.once('close', () => watches.delete(response));
      return;
    }
    const limit = Math.min(Number(url.searchParams.get('limit') ?? 500), fake.pageSize);
    const start = Number(url.searchParams.get('continue') ?? 0);
    const all = [...slices.values()].filter(matches);
    const more = start + limit < all.length ? { continue: String(start + limit) } : {};
    answer(200, {
      kind: 'EndpointSliceList',
      metadata: { resourceVersion: String(version), ...more },
      items: all.slice(start, start + limit),
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const fake: TestKubernetes = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens: new Set(),
    asked: [],
    failing: undefined,
    stalling: undefined,
    pageSize: 500,
    put: (slice) => change(slices.has(slice.metadata.name) ? 'MODIFIED' : 'ADDED', slice),
    remove(name) {
      const slice = slices.get(name);
      if (slice !== undefined) change('DELETED', slice);
    },
    compact() {
      oldest = version + 1;
      history = [];
    },
    endWatches(error) {
      for (const watch of watches) {
        if (error !== undefined)
          line(watch, 'ERROR', status(error, error === 410 ? 'Expired' : 'InternalError'));
        watch.end();
      }
      watches.clear();
    },
    bookmark() {
      version++;
      const object = { kind: 'EndpointSlice', metadata: { resourceVersion: String(version) } };
      for (const watch of watches) line(watch, 'BOOKMARK', object);
    },
    get watches() {
      return watches.size;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return fake;
}

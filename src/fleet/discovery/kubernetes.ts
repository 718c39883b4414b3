/** Backends behind a Kubernetes service: its EndpointSlices, listed once and then watched. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jittered } from '../../base/backoff.ts';
import { detach, guarded } from '../../base/faults.ts';
import { parseControlJson } from '../../codec/index.ts';
import type { BackendTraits } from '../backend-address.ts';
import { backendsIn, type EndpointSlice, isEndpointSlice } from './endpoint-slices.ts';
import { ApiError, type ApiServer, createApi } from './kubernetes-api.ts';
import { changesOnly, type Source, type SourceDeps, type SourceEvents } from './source.ts';

export interface KubernetesOptions {
  readonly kind: 'kubernetes';
  readonly server: ApiServer;
  readonly namespace: string;
  readonly service: string;
  /** A port of the slices by its name, or its number; empty takes the only one. */
  readonly port: string;
  readonly traits: BackendTraits;
}

/** Of one service: each has a hundred endpoints in a cluster as it comes. */
const maxSlices = 2000;
/** As the API server's own clients page. */
const pageSize = 500;
/** A watch ends after this by the server's own hand; the next one goes on where it ended. In s. */
const watchSeconds = 300;
/** Silence for this long after a watch should have ended means that nobody is there, in ms. */
const graceMs = 15_000;
/** Events that follow each other this closely are told as one: a rollout changes slices by the hundred. In ms. */
const gatherMs = 100;
const firstBackoffMs = 500;
const maxBackoffMs = 30_000;

interface Listing {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[];
}

interface WatchEvent {
  readonly type?: string;
  readonly object?: { readonly metadata?: { readonly resourceVersion?: string }; readonly code?: number };
}

/** The history before a resourceVersion is gone (410): everything must be listed anew. */
class Expired extends Error {}

/**
 * Discovers the endpoints of a Kubernetes Service that serve: lists its EndpointSlices (discovery.k8s.io/v1) and watches
 * them from that resourceVersion on. 410 Gone leads to a new list; other errors are reported as problems and retried
 * with exponential backoff up to 30 s, plus or minus 20 %.
 */
export function kubernetesSource(options: KubernetesOptions, { random }: Pick<SourceDeps, 'random'>): Source {
  const api = createApi(options.server);
  const base = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(options.namespace)}/endpointslices`;
  const selector = `labelSelector=${encodeURIComponent(`kubernetes.io/service-name=${options.service}`)}`;
  const stopping = new AbortController();
  const slices = new Map<string, EndpointSlice>();
  let events: SourceEvents | undefined;

  let telling: NodeJS.Timeout | undefined;

  const tell = (): void => {
    clearTimeout(telling);
    telling = undefined;
    events?.onBackends(backendsIn([...slices.values()], options));
  };

  const tellSoon = (): void => {
    telling ??= setTimeout(guarded('backend', tell), gatherMs).unref();
  };

  /** Everything as of one resourceVersion, page by page. */
  async function list(): Promise<string> {
    const found: EndpointSlice[] = [];
    let token = '';
    for (;;) {
      const more = token === '' ? '' : `&continue=${encodeURIComponent(token)}`;
      const page = (await api.get(
        `${base}?${selector}&limit=${pageSize}${more}`,
        stopping.signal,
      )) as Listing;
      for (const item of page.items ?? []) if (isEndpointSlice(item)) found.push(item);
      if (found.length > maxSlices) throw new Error(`there are more than ${maxSlices} endpoint slices`);
      token = page.metadata?.continue ?? '';
      if (token !== '') continue;
      slices.clear();
      for (const slice of found) slices.set(slice.metadata.name, slice);
      tell();
      return page.metadata?.resourceVersion ?? '';
    }
  }

  /** Follows the changes after a resourceVersion until the server ends the watch; gives where it ended. */
  async function watch(from: string): Promise<string> {
    let version = from;
    const path = `${base}?${selector}&watch=1&allowWatchBookmarks=true&timeoutSeconds=${watchSeconds}&resourceVersion=${encodeURIComponent(from)}`;
    for await (const line of api.lines(path, stopping.signal, watchSeconds * 1000 + graceMs)) {
      const { type, object } = parseControlJson(Buffer.from(line)) as WatchEvent;
      if (type === 'ERROR')
        throw object?.code === 410 ? new Expired() : new ApiError(object?.code ?? 0, line);
      version = object?.metadata?.resourceVersion ?? version;
      if (type === 'BOOKMARK' || !isEndpointSlice(object)) continue;
      if (type === 'DELETED') slices.delete(object.metadata.name);
      else {
        slices.set(object.metadata.name, object);
        if (slices.size > maxSlices) throw new Error(`there are more than ${maxSlices} endpoint slices`);
      }
      tellSoon();
    }
    return version;
  }

  async function run(): Promise<void> {
    let version: string | undefined;
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        version ??= await list();
        version = await watch(version);
        failures = 0;
      } catch (reason) {
        if (stopping.signal.aborted) return;
        // what was missed between is in the new list
        const expired = reason instanceof Expired || (reason instanceof ApiError && reason.status === 410);
        if (expired) version = undefined;
        if (expired && failures++ === 0) continue;
        if (!expired) {
          failures++;
          const where = `endpoint slices of ${options.namespace}/${options.service}`;
          events?.onProblem(`${where}: ${(reason as Error).message}; the last set stays`);
        }
        const ms = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 10));
        await sleep(jittered(ms, random), undefined, { signal: stopping.signal, ref: false }).catch(
          () => undefined,
        );
      }
    }
  }

  return {
    start(listener) {
      events = changesOnly(listener);
      detach('backend', run());
    },
    stop() {
      events = undefined;
      clearTimeout(telling);
      stopping.abort();
      api.close();
    },
  };
}

/** The fleets' part of a configuration: those that serve models, and those that get HTTP as it is. */
import { controlLimits } from '../../codec/index.ts';
import {
  type BackendUrl,
  type Config,
  isHttpFleet,
  parseBackendUrl,
  readYaml,
  type Snapshot,
  trustedBy,
} from '../../config/index.ts';
import {
  type BackendAddress,
  type BackendTls,
  type FleetOptions,
  type HttpFleetOptions,
  nameOf,
} from '../../fleet/index.ts';
import { defaultClientLimits } from '../../wire/index.ts';
import { forwardHeadersOf } from './headers.ts';
import { jsonLimitsOf } from './json.ts';
import { servedModels } from './names.ts';

type FleetConfig = Config['fleets'][string];
type SourceOptions = FleetOptions['sources'][number];
type Listed = FleetConfig['backends'][number];

/** @param workers that share what is given for the whole gateway */
export function fleetsOf({ config, files }: Snapshot, workers: number): FleetOptions[] {
  const all: readonly (readonly [string, FleetConfig])[] = Object.entries(config.fleets);
  const some = all.filter(([, fleet]) => !isHttpFleet(fleet));
  // a gateway of HTTP fleets alone: calls for models find a fleet without backends, which says so
  const named =
    some.length > 0
      ? some
      : all
          .slice(0, 1)
          .map(([, fleet]): readonly [string, FleetConfig] => [
            config.defaultFleet,
            { ...fleet, backends: [] },
          ]);
  return named.map(([name, fleet]) => ({
    name,
    ofModels: name === config.defaultFleet ? undefined : name,
    sources: sourcesOf(fleet, files),
    models: servedModels(config)
      .filter((ref) => (ref.fleet ?? config.defaultFleet) === name)
      .map(({ model }) => model),
    health: fleet.health,
    ejection: fleet.ejection,
    // metadata has lower-case names alone
    balance: { ...fleet.balance, hashOn: fleet.balance.hashOn.toLowerCase() },
    warmUp: fleet.warmUp,
    sequences: config.sequences,
    concurrency: concurrencyOf(fleet.concurrency, workers),
    forwardHeaders: forwardHeadersOf(config),
    returnHeaders: config.rest.returnHeaders,
    connection: { ...fleet.connection, http2: defaultClientLimits },
    maxControlBytes: controlLimits.bytes,
    maxMessageBytes: config.grpc.maxMessageBytes,
    maxInflateRatio: config.grpc.maxInflateRatio,
    json: jsonLimitsOf(config),
    nonFinite: config.rest.nonFinite,
    encoding: fleet.encoding,
  }));
}

/** What is left to the gateway: less than a second of work for nearly any server, and more for one that is quick. */
const usualInFlight = 64;
const quickMs = 20;

function concurrencyOf(own: FleetConfig['concurrency'], workers: number): FleetOptions['concurrency'] {
  return own.maxInFlight === 'auto'
    ? { ...own, maxInFlight: Math.ceil(usualInFlight / workers), quickMs }
    : { ...own, maxInFlight: own.maxInFlight, quickMs: 0 };
}

/**
 * Maps each fleet of http:// backends to its options.
 * @throws Error for a backend address that is not valid, which validation has refused before
 */
export function httpFleetsOf({ config, files }: Snapshot): HttpFleetOptions[] {
  return Object.entries(config.fleets)
    .filter(([, fleet]) => isHttpFleet(fleet))
    .map(([name, fleet]) => ({
      name,
      backends: fleet.backends.map((entry) => {
        const parsed = parseListed(entry, tlsOf(fleet, files));
        if (typeof parsed === 'string') throw new Error(parsed);
        return parsed;
      }),
      health: fleet.health,
      ejection: fleet.ejection,
      connectTimeoutMs: fleet.connection.connectTimeoutMs,
      maxInFlight: config.proxy.maxInFlight,
      isTrusted: trustedBy(config.doors.trustedProxies),
    }));
}

function tlsOf({ tls }: FleetConfig, files: Snapshot['files']): BackendTls {
  const pem = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : files.get(path);
  return { ca: pem(tls?.ca), cert: pem(tls?.cert), key: pem(tls?.key), serverName: tls?.serverName };
}

function sourcesOf(fleet: FleetConfig, files: Snapshot['files']): SourceOptions[] {
  const { dns, file, kubernetes } = fleet.discovery;
  const tls = tlsOf(fleet, files);
  const fixed: BackendAddress[] = [];
  const sources: SourceOptions[] = [];
  for (const entry of fleet.backends) {
    const parsed = parseListed(entry, tls);
    if (typeof parsed === 'string') throw new Error(parsed);
    const { records, api, ...address } = parsed;
    if (api === 'http') throw new Error('http:// backends need a fleet of their own');
    if (records === undefined) fixed.push({ ...address, api });
    else
      sources.push({
        kind: 'dns',
        records,
        name: address.host,
        port: address.port,
        traits: { api, tls: address.tls },
        ...dns,
      });
  }
  if (fixed.length > 0) sources.unshift({ kind: 'fixed', backends: fixed });
  if (file !== undefined) {
    sources.push({
      kind: 'file',
      ...file,
      parseYaml: (text) => readYaml(text, 'it'),
      parseBackend: (entry) => {
        const parsed = parseListed(entry as Listed, tls);
        if (typeof parsed === 'string') return parsed;
        const { api, records } = parsed;
        if (api === 'http') return 'http:// backends need a fleet of their own';
        return records === undefined ? { ...parsed, api } : 'names to look up belong in the configuration';
      },
    });
  }
  if (kubernetes !== undefined) {
    const scheme = parseBackendUrl(`${kubernetes.scheme}://host:1`);
    sources.push({
      kind: 'kubernetes',
      server: {
        url: kubernetes.apiServer,
        tokenFile: kubernetes.tokenFile,
        caFile: kubernetes.caFile,
      },
      namespace: kubernetes.namespace || (files.get(kubernetes.namespaceFile) ?? '').trim(),
      service: kubernetes.service,
      port: kubernetes.port,
      traits:
        typeof scheme === 'string' || scheme.api === 'http'
          ? { api: 'detect' }
          : { api: scheme.api, tls: scheme.tls ? tls : undefined },
    });
  }
  return sources;
}

/** One entry of a list of backends, be it in the configuration or in a file of its own. */
function parseListed(
  entry: Listed,
  tls: BackendTls,
):
  | (Omit<BackendAddress, 'api'> & { readonly api: BackendUrl['api']; readonly records?: 'a' | 'srv' })
  | string {
  const { url, weight, zone } = typeof entry === 'string' ? { url: entry } : entry;
  if (typeof url !== 'string') return 'expected a URL, or {url, weight, zone}';
  if (weight !== undefined && !(typeof weight === 'number' && weight > 0))
    return 'weight: expected a number above 0';
  if (zone !== undefined && typeof zone !== 'string') return 'zone: expected a text';
  const parsed = parseBackendUrl(url);
  if (typeof parsed === 'string') return parsed;
  const { host, port, api, records } = parsed;
  return {
    name: nameOf(host, port),
    host,
    port,
    api,
    tls: parsed.tls ? tls : undefined,
    ...(weight === undefined ? {} : { weight }),
    ...(zone === undefined ? {} : { zone }),
    ...(records === undefined ? {} : { records }),
  };
}

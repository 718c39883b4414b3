/** The fleets' part of a configuration: those that serve models, and those that get HTTP as it is. */
import { type BackendUrl, isHttpFleet, parseBackendUrl, type Snapshot } from '../config/index.ts';
import type { BackendAddress, FleetOptions, HttpFleetOptions } from '../fleet/index.ts';
import { defaultClientLimits } from '../wire/index.ts';

/** Control calls (status) are small; this is far above any. In bytes. */
const maxControlBytes = 16 * 2 ** 20;

type Fleet = Snapshot['config']['fleets'][string];

function addressesOf<Api extends BackendUrl['api']>({ backends, tls }: Fleet, files: Snapshot['files']) {
  const pem = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : files.get(path);
  return backends.map((text) => {
    const url = parseBackendUrl(text);
    if (typeof url === 'string') throw new Error(url);
    const { host, port, api } = url;
    return {
      name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      host,
      port,
      // the check has excluded fleets of both kinds
      api: api as Api,
      tls: url.tls
        ? { ca: pem(tls?.ca), cert: pem(tls?.cert), key: pem(tls?.key), serverName: tls?.serverName }
        : undefined,
    };
  });
}

export function fleetsOf({ config, files }: Snapshot): FleetOptions[] {
  const all = Object.entries(config.fleets);
  const some: readonly (readonly [string, Fleet])[] = all.filter(([, fleet]) => !isHttpFleet(fleet));
  // a gateway of HTTP fleets alone: calls for models find a fleet without backends, which says so
  const named =
    some.length > 0
      ? some
      : all
          .slice(0, 1)
          .map(([, fleet]) => [config.defaultFleet, { ...fleet, backends: [] }] as [string, Fleet]);
  return named.map(([name, fleet]) => ({
    name,
    backends: addressesOf<BackendAddress['api']>(fleet, files),
    models: Object.entries(config.models)
      .filter(([, model]) => (model.fleet ?? config.defaultFleet) === name)
      .map(([model]) => model),
    health: fleet.health,
    ejection: fleet.ejection,
    connection: { ...fleet.connection, http2: defaultClientLimits },
    maxControlBytes,
    maxMessageBytes: config.grpc.maxMessageBytes,
    encoding: fleet.encoding,
  }));
}

export function httpFleetsOf({ config, files }: Snapshot): HttpFleetOptions[] {
  return Object.entries(config.fleets)
    .filter(([, fleet]) => isHttpFleet(fleet))
    .map(([name, fleet]) => ({
      name,
      backends: addressesOf<'http'>(fleet, files),
      health: fleet.health,
      ejection: fleet.ejection,
      connectTimeoutMs: fleet.connection.connectTimeoutMs,
      maxInFlight: config.proxy.maxInFlight,
    }));
}

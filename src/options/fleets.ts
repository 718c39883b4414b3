/** The fleets' part of a configuration. */
import { parseBackendUrl, type Snapshot } from '../config/index.ts';
import type { FleetOptions } from '../fleet/index.ts';
import { defaultClientLimits } from '../wire/index.ts';

/** Control calls (status) are small; this is far above any. In bytes. */
const maxControlBytes = 16 * 2 ** 20;

export function fleetsOf({ config, files }: Snapshot): FleetOptions[] {
  return Object.entries(config.fleets).map(([name, fleet]) => {
    const pem = (path: string | undefined): string | undefined =>
      path === undefined ? undefined : files.get(path);
    const { tls } = fleet;
    return {
      name,
      backends: fleet.backends.map((text) => {
        const url = parseBackendUrl(text);
        if (typeof url === 'string') throw new Error(url);
        const { host, port, api } = url;
        return {
          name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
          host,
          port,
          api,
          tls: url.tls
            ? { ca: pem(tls?.ca), cert: pem(tls?.cert), key: pem(tls?.key), serverName: tls?.serverName }
            : undefined,
        };
      }),
      models: Object.entries(config.models)
        .filter(([, model]) => (model.fleet ?? config.defaultFleet) === name)
        .map(([model]) => model),
      health: fleet.health,
      ejection: fleet.ejection,
      connection: { ...fleet.connection, http2: defaultClientLimits },
      maxControlBytes,
      maxMessageBytes: config.grpc.maxMessageBytes,
      encoding: fleet.encoding,
    };
  });
}

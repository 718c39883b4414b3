/** A whole gateway in this process, on free ports, from the configuration that an operator would write. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Reloader } from '../../src/cli/reloader.ts';
import { type Flags, loadSnapshot, type Snapshot } from '../../src/config/index.ts';
import { gatewayOptions } from '../../src/gateway/index.ts';
import { ownReloads } from '../../src/gateway/index.ts';
import { type Gateway, startGateway } from '../../src/gateway/index.ts';
import { freePort } from './process.ts';

export interface TestGateway {
  readonly gateway: Gateway;
  /** "127.0.0.1:PORT" of each door. */
  readonly rest: string;
  readonly grpc: string;
  readonly admin: string;
  /** Reads the configuration again, as SIGHUP does. */
  reload(): Promise<void>;
  /** Writes another configuration and applies it. */
  configure(config: Record<string, unknown>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param config as in a YAML file; what it leaves out has its default
 * @param more as on the command line
 * @param logTo a file for the lines of the log
 * @param random in the place of Math.random
 */
export async function startTestGateway(
  backends: readonly string[],
  config: Record<string, unknown> = {},
  more: Flags = {},
  logTo?: string,
  random?: () => number,
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-test-'));
  const path = join(folder, 'gateway.yaml');
  const write = (content: Record<string, unknown>): void => {
    const quiet = { telemetry: { logLevel: 'silent' }, shutdown: { graceMs: 0, drainMs: 2000 } };
    writeFileSync(path, stringify({ ...quiet, ...content }));
  };
  write(config);
  const flags = {
    backends,
    host: '127.0.0.1',
    restPort: 0,
    grpcPort: 0,
    adminPort: await freePort(),
    ...more,
  };
  const load = (): Snapshot => loadSnapshot(path, flags, process.env);
  const optionsOf = (snapshot: Snapshot) => {
    const options = gatewayOptions(snapshot, '0.0.0');
    if (logTo === undefined) return options;
    const log = { ...options.telemetry.log, destination: logTo };
    return { ...options, telemetry: { ...options.telemetry, log } };
  };
  const reloads = ownReloads();
  const first = load();
  const reloader = new Reloader(first, {
    load,
    apply: (next) => gateway.reload(optionsOf(next)),
    reloads,
    watch: () => () => undefined,
  });
  const reload = (): Promise<void> => reloader.reload();
  const gateway: Gateway = await startGateway(optionsOf(first), {
    version: '0.0.0',
    reload,
    reloads,
    ...(random === undefined ? {} : { random }),
  });
  const { rest, grpc, admin } = gateway.addresses;
  return {
    gateway,
    rest: `127.0.0.1:${rest.port}`,
    grpc: `127.0.0.1:${grpc.port}`,
    admin: `127.0.0.1:${admin?.port ?? 0}`,
    reload,
    async configure(next) {
      write(next);
      await reload();
    },
    async stop() {
      await gateway.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

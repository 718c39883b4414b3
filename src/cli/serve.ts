/** `serve`: the gateway, from its configuration to its orderly end. */
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { ConfigError, type Flags, loadSnapshot, type Snapshot, watchFiles } from '../config/index.ts';
import { type Gateway, startGateway } from '../server.ts';
import { say } from '../stdio.ts';
import { gatewayOptions } from '../options/index.ts';
import { serveArguments } from './flags.ts';
import { serveHelp } from './help.ts';
import { uncaughtException } from './last-resort.ts';
import { CliError, exit } from './usage.ts';
import {
  followDrains,
  processPeers,
  runWorkers,
  tellDrained,
  tellLeaving,
  workerCount,
} from '../workers/index.ts';

export interface RunOptions {
  readonly version: string;
  readonly flags: Flags;
  readonly config: string | undefined;
  /** Called once when the doors are open. */
  readonly onReady?: (gateway: Gateway) => void;
}

/** @throws CliError 78 with every mistake, a line each */
export function snapshotOf(config: string | undefined, flags: Flags): Snapshot {
  try {
    return loadSnapshot(config, flags, process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(exit.config, error.message);
    throw error;
  }
}

/** Beyond the grace and drain times: whatever does not end by itself is cut by the end of the process. In ms. */
const cutMs = 5000;

/** The most that an orderly end takes, in ms. */
const endMs = ({ shutdown }: Snapshot['config']): number => shutdown.graceMs + shutdown.drainMs + cutMs;

const place = ({ address, port, family }: { address: string; port: number; family: string }): string =>
  family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;

/** Where the doors are, a line each. */
export function doorLines(gateway: Gateway, tls: boolean): string {
  const { rest, grpc, admin } = gateway.addresses;
  const http = tls ? 'https' : 'http';
  const lines = [`REST and gRPC-Web  ${http}://${place(rest)}`, `gRPC               ${place(grpc)}`];
  if (admin !== undefined)
    lines.push(`admin              ${http}://${place(admin)}  (the dashboard; /readyz, /metrics)`);
  return `${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

/** Runs one gateway in this process until a signal ends it. */
export async function runGateway(options: RunOptions): Promise<number> {
  const snapshot = snapshotOf(options.config, options.flags);
  let current = snapshot;
  let gateway: Gateway;
  const peers = processPeers();
  let unwatch = (): void => undefined;
  const watch = ({ path, files }: Snapshot): void => {
    unwatch();
    unwatch = watchFiles([...(path === undefined ? [] : [path]), ...files.keys()], reloadOrSay);
  };
  const reloadHere = async (): Promise<void> => {
    const next = snapshotOf(options.config, options.flags);
    await gateway.reload(gatewayOptions(next, options.version, workerCount()));
    current = next;
    watch(next);
  };
  /** For what every worker sees itself: a signal, a file that changed. */
  const reloadOrSay = (): void => {
    reloadHere().catch((error: unknown) => {
      say(
        process.stderr,
        `tensorgate: the new configuration is refused, the old one stays:\n${(error as Error).message}\n`,
      );
    });
  };
  /** For what one worker is asked; a configuration that it refuses never gets to the others. */
  const reload = async (): Promise<void> => {
    await reloadHere();
    peers?.tellOthers('reload', undefined);
  };
  peers?.onNews('reload', reloadOrSay);
  try {
    gateway = await startGateway(gatewayOptions(snapshot, options.version, workerCount()), {
      version: options.version,
      reload,
      onDrained: tellDrained,
      peers,
    });
    followDrains(gateway);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw new CliError(exit.unavailable, message);
    throw error;
  }
  options.onReady?.(gateway);
  watch(snapshot);
  process.on('SIGHUP', reloadOrSay);
  const code = await Promise.race([
    stopSignal().then(() => exit.ok),
    uncaughtException().then(() => exit.software),
  ]);
  // another worker takes this one's place before it closes its doors
  if (code !== exit.ok) tellLeaving();
  unwatch();
  // a second signal ends it at once
  const second = stopSignal().then(() => gateway.stop());
  const late = new Promise((resolve) => {
    setTimeout(resolve, endMs(current.config)).unref();
  });
  await Promise.race([gateway.drain(), second, late]);
  return code;
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      resolve();
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}

export async function serve(args: readonly string[], version: string): Promise<number> {
  const { flags, config, help } = serveArguments(args);
  if (help) {
    process.stdout.write(serveHelp);
    return exit.ok;
  }
  const snapshot = snapshotOf(config, flags);
  const { workers, doors } = snapshot.config;
  /** What the workers have, as far as it is valid. */
  const latest = (): Snapshot => {
    try {
      return snapshotOf(config, flags);
    } catch {
      return snapshot;
    }
  };
  const count = workers === 'auto' ? availableParallelism() : workers;
  if (count > 1 && cluster.isPrimary)
    return runWorkers(count, { endMs: () => endMs(latest().config) + cutMs });
  return runGateway({
    version,
    flags,
    config,
    onReady(gateway) {
      if (!cluster.isPrimary && cluster.worker?.id !== 1) return;
      say(process.stdout, `tensorgate ${version} is serving\n${doorLines(gateway, doors.tls !== undefined)}`);
    },
  });
}

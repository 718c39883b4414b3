/** `serve`: the gateway, from its configuration to its orderly end. */
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { say } from '../base/stdio.ts';
import { watchFiles } from '../base/watched-files.ts';
import { ConfigError, type Flags, loadSnapshot, type Snapshot } from '../config/index.ts';
import {
  followDrains,
  type Gateway,
  gatewayOptions,
  processPeers,
  runWorkers,
  type Sources,
  startGateway,
  startReloads,
  tellDrained,
  tellLeaving,
  workerCount,
} from '../gateway/index.ts';
import { serveArguments } from './flags.ts';
import { serveHelp } from './help.ts';
import { uncaughtException } from './last-resort.ts';
import { Reloader } from './reloader.ts';
import { CliError, exit } from './usage.ts';

export interface RunOptions {
  readonly version: string;
  readonly flags: Flags;
  readonly config: string | undefined;
  /** A signal ends it without waiting for anybody: there is no balancer in front that has to notice. */
  readonly endsAtOnce?: boolean;
  /** Called once when the doors are open. */
  readonly onReady?: (gateway: Gateway, snapshot: Snapshot) => void;
}

/**
 * @param sources of an earlier one, to make the same again; what the files hold now, else
 * @throws CliError 78 with every mistake, a line each
 */
export function snapshotOf(config: string | undefined, flags: Flags, sources?: Sources): Snapshot {
  try {
    return loadSnapshot(config, flags, process.env, sources);
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

/** What stands in the way of a door, and what to do; undefined for other errors. */
function whyNotListening({
  code,
  address = '',
  port = 0,
}: NodeJS.ErrnoException & { address?: string; port?: number }): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} of ${address} is taken by another program: end that one (ss -ltnp names it), or choose other ports with --rest-port, --grpc-port and --admin-port`;
    case 'EACCES':
      return `this user may not listen on port ${port} of ${address}: ports below 1024 need a right of their own (CAP_NET_BIND_SERVICE)`;
    case 'EADDRNOTAVAIL':
      return `${address} is no address of this machine: --host (doors.host) takes one, or 0.0.0.0 for all`;
    default:
      return undefined;
  }
}

/** Runs one gateway in this process until a signal ends it. */
export async function runGateway(options: RunOptions): Promise<number> {
  const { config, flags, version } = options;
  const peers = processPeers();
  const { reloads, sources } = await startReloads();
  const snapshot = snapshotOf(config, flags, sources);
  let gateway: Gateway;
  const reloader = new Reloader(snapshot, {
    load: () => loadSnapshot(config, flags, process.env),
    apply: (next) => gateway.reload(gatewayOptions(next, version, workerCount())),
    reloads,
    watch: (paths, onChange) => watchFiles(paths, onChange, { intervalMs: 1000, settleMs: 200 }),
  });
  /** For what one worker is asked; a configuration that it refuses never gets to the others. */
  const reload = async (): Promise<void> => {
    await reloader.reload();
    peers?.tellOthers('reload', undefined);
  };
  try {
    gateway = await startGateway(gatewayOptions(snapshot, version, workerCount()), {
      version,
      reload,
      reloads,
      onDrained: tellDrained,
      peers,
    });
    followDrains(gateway);
  } catch (error) {
    const why = whyNotListening(error as NodeJS.ErrnoException & { address?: string; port?: number });
    throw why === undefined ? error : new CliError(exit.unavailable, why);
  }
  options.onReady?.(gateway, snapshot);
  peers?.subscribe('reload', reloader.reloadOnEvent);
  reloader.begin();
  process.on('SIGHUP', reloader.reloadOnEvent);
  const code = await Promise.race([
    stopSignal().then(() => exit.ok),
    uncaughtException().then(() => exit.software),
  ]);
  // another worker takes this one's place before it closes its doors
  if (code !== exit.ok) tellLeaving();
  reloader.stop();
  // a second signal ends it at once
  const second = stopSignal().then(() => gateway.stop());
  const late = new Promise((resolve) => {
    setTimeout(resolve, endMs(reloader.current.config)).unref();
  });
  const ended = options.endsAtOnce === true ? gateway.stop() : gateway.drain();
  await Promise.race([ended, second, late]);
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

/**
 * Runs `tensorgate serve`: with more than one worker, the primary process starts the workers. Resolves with the
 * exit code when the gateway has ended.
 * @throws CliError for wrong arguments
 */
export async function serve(args: readonly string[], version: string): Promise<number> {
  const { flags, config, help } = serveArguments(args);
  if (help) {
    process.stdout.write(serveHelp);
    return exit.ok;
  }
  if (cluster.isPrimary) {
    const { config: first, sources } = snapshotOf(config, flags);
    const count = first.workers === 'auto' ? availableParallelism() : first.workers;
    if (count > 1)
      return runWorkers(count, {
        sources,
        endMs: (now) => endMs(snapshotOf(config, flags, now).config) + cutMs,
      });
  }
  return runGateway({
    version,
    flags,
    config,
    onReady(gateway, snapshot) {
      if (!cluster.isPrimary && cluster.worker?.id !== 1) return;
      const tls = snapshot.config.doors.tls !== undefined;
      say(process.stdout, `tensorgate ${version} is serving\n${doorLines(gateway, tls)}`);
    },
  });
}

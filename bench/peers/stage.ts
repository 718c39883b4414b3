/** The processes of a run: backends, peers and gateways, each started when a row first needs it. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  freePort,
  makeCertificates,
  type RunningProcess,
  startProcess,
  tool,
  waitFor,
} from '../../test/support/index.ts';
import { type EnvoyFilter, envoyConfig, haproxyConfig, nginxConfig, type Tls } from './configs.ts';
import { type Reply, writeFixtures } from './fixtures.ts';
import type { Column } from './results.ts';

/** What a row sends to, and whose CPU and memory count. */
export interface Target {
  readonly pid: number;
  /** Of native gRPC. */
  readonly grpcPort: number;
  /** Of HTTP/1.1: gRPC-Web and JSON. */
  readonly httpPort: number;
  readonly process: RunningProcess;
}

/** What a row needs of its targets. */
export interface Setting {
  readonly reply: Reply;
  readonly api: 'tfs' | 'v2';
  readonly tls: boolean;
  /** Of Envoy; more than the row needs would cost it something. */
  readonly filters: readonly EnvoyFilter[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const backendScript = fileURLToPath(new URL('backend.ts', import.meta.url));

/** The Envoy that scripts/test-tools.sh installs, or the one that ENVOY names. */
export function findEnvoy(): string | undefined {
  const named = process.env.ENVOY;
  if (named !== undefined) return named;
  const python = tool('envoy');
  if (python === undefined) return undefined;
  // the wrapper beside it is a Python program, whose CPU is not Envoy's
  const lib = join(python, '../../lib');
  const version = readdirSync(lib).find((name) => name.startsWith('python3'));
  return version && join(lib, version, 'site-packages/envoy/_bin/envoy');
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

export class Stage {
  readonly folder: string;
  /** Columns that can be measured here. */
  readonly columns: readonly Column[];
  readonly #baseline: string | undefined;
  readonly #tls: Tls;
  readonly #backends = new Map<string, Promise<number>>();
  readonly #targets = new Map<string, Promise<Target>>();
  readonly #running = new Set<RunningProcess>();

  private constructor(folder: string, tls: Tls, columns: readonly Column[], baseline: string | undefined) {
    this.folder = folder;
    this.#tls = tls;
    this.columns = columns;
    this.#baseline = baseline;
  }

  /** @param baseline the folder of another checkout */
  static async create(columns: readonly Column[], baseline?: string): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'tensorgate-peers-'));
    writeFixtures(folder);
    const file = await makeCertificates('localhost');
    return new Stage(folder, { cert: file('localhost.pem'), key: file('localhost.key') }, columns, baseline);
  }

  /** The same one for the same setting, until `end`. */
  target(column: Column, setting: Setting): Promise<Target> {
    const key = this.#keyOf(column, setting);
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = this.fresh(column, setting);
      this.#targets.set(key, target);
      // the next row tries anew; whoever waits for this one is told
      target.catch(() => this.#targets.delete(key));
    }
    return target;
  }

  #keyOf(column: Column, { reply, api, tls, filters }: Setting): string {
    if (column === 'envoy') return [column, reply, tls, ...filters].join();
    return column === 'nginx' || column === 'haproxy'
      ? [column, reply].join()
      : [column, reply, api, tls].join();
  }

  /** One of its own: a young process. */
  async fresh(column: Column, setting: Setting): Promise<Target> {
    const backend = await this.#backend(setting.reply);
    switch (column) {
      case 'gateway':
        return this.#gateway(root, backend, setting);
      case 'baseline':
        return this.#gateway(this.#baseline ?? root, backend, setting);
      case 'envoy':
      case 'nginx':
      case 'haproxy':
        return this.#peer(column, backend, setting);
    }
  }

  async end(target: Target): Promise<void> {
    for (const [key, other] of this.#targets) if ((await other) === target) this.#targets.delete(key);
    await this.#stop(target.process);
  }

  /** Ends all but the backends: memory that no later row needs. */
  async endTargets(): Promise<void> {
    for (const target of await Promise.all(this.#targets.values())) await this.end(target);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((process) => this.#stop(process)));
  }

  async #stop(process: RunningProcess): Promise<void> {
    this.#running.delete(process);
    await process.kill();
  }

  async #start(
    command: string,
    args: readonly string[],
    ready?: RegExp,
    cwd = root,
  ): Promise<RunningProcess> {
    const running = await startProcess(command, args, {
      cwd,
      ...(ready === undefined ? {} : { ready, readyTimeoutMs: 180_000 }),
    });
    this.#running.add(running);
    return running;
  }

  #backend(reply: Reply): Promise<number> {
    let port = this.#backends.get(reply);
    if (port === undefined) {
      port = this.#start(process.execPath, [backendScript, reply], /listening on \d+/).then((running) =>
        Number(/listening on (\d+)/.exec(running.output())?.[1]),
      );
      this.#backends.set(reply, port);
    }
    return port;
  }

  async #gateway(checkout: string, backend: number, { api, tls }: Setting): Promise<Target> {
    const [httpPort, grpcPort] = [await freePort(), await freePort()];
    const url = `${api === 'tfs' ? 'tfs' : 'kserve'}://127.0.0.1:${backend}`;
    const process = await this.#start(
      join(checkout, 'bin/tensorgate'),
      [
        ...['serve', '--host', '127.0.0.1', '--backend', url, '--workers', '1', '--admin-port', '0'],
        ...['--rest-port', String(httpPort), '--grpc-port', String(grpcPort)],
        ...(tls ? ['--tls-cert', this.#tls.cert, '--tls-key', this.#tls.key] : []),
      ],
      /is serving/,
      checkout,
    );
    return { pid: process.pid, grpcPort, httpPort, process };
  }

  async #peer(peer: 'envoy' | 'nginx' | 'haproxy', backend: number, setting: Setting): Promise<Target> {
    const port = await freePort();
    const file = join(this.folder, `${peer}-${port}.${peer === 'envoy' ? 'json' : 'conf'}`);
    const { filters, tls } = setting;
    const descriptors = join(this.folder, 'descriptors.pb');
    const own = tls ? this.#tls : undefined;
    const [command, text, args] = {
      envoy: () =>
        [
          findEnvoy(),
          envoyConfig(port, backend, filters, descriptors, own),
          ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '-l', 'error'],
        ] as const,
      nginx: () => [tool('nginx'), nginxConfig(port, backend, this.folder), ['-c', file]] as const,
      haproxy: () => [tool('haproxy'), haproxyConfig(port, backend), ['-f', file]] as const,
    }[peer]();
    if (command === undefined) throw new Error(`${peer} is not installed`);
    writeFileSync(file, text);
    const process = await this.#start(command, args);
    await waitFor(
      () => {
        if (process.child.exitCode !== null) throw new Error(`${peer} ended: ${process.output()}`);
        return accepts(port);
      },
      20_000,
      `${peer} to listen`,
    );
    return { pid: process.pid, grpcPort: port, httpPort: port, process };
  }
}

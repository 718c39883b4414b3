/** A gateway as a process of its own, on free ports, with the command line that an operator would type. */
import { fileURLToPath } from 'node:url';
import { freePort, type RunningProcess, startProcess } from './process.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const command = fileURLToPath(new URL('../../bin/tensorgate', import.meta.url));

export interface GatewayProcess {
  /** "127.0.0.1:PORT" of each door. */
  readonly rest: string;
  readonly grpc: string;
  readonly admin: string;
  readonly process: RunningProcess;
}

/**
 * @param flags more of `serve`'s
 * @param built as operators run it: the bundle, with its settings of the heap; else the sources as they are
 */
export async function startGatewayProcess(
  backends: readonly string[],
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  built = false,
): Promise<GatewayProcess> {
  const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()];
  const ports = { '--rest-port': rest, '--grpc-port': grpc, '--admin-port': admin };
  const running = await startProcess(
    built ? command : process.execPath,
    [
      ...(built ? [] : [main]),
      'serve',
      ...['--host', '127.0.0.1'],
      ...backends.flatMap((url) => ['--backend', url]),
      ...Object.entries(ports).flatMap(([flag, port]) => [flag, String(port)]),
      ...flags,
    ],
    { ready: /is serving/, readyTimeoutMs: built ? 120_000 : 60_000, env },
  );
  const at = (port: number): string => `127.0.0.1:${port}`;
  return { rest: at(rest), grpc: at(grpc), admin: at(admin), process: running };
}

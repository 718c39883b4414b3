/** A demo server as a process: flags in, one JSON line out when it listens, a clean end on SIGTERM. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Faults, parseFaults } from './faults.ts';
import { modelKinds } from './models/index.ts';
import { type DemoServerOptions, startDemoServer } from './server.ts';

export const demoServerHelp = `A model server with the TensorFlow Serving gRPC API, for demos and tests.

  --port N              gRPC port (0, the default: any free port)
  --host HOST           address to listen on (127.0.0.1)
  --control-port N      HTTP port on 127.0.0.1 that takes faults and tells state (default: none)
  --models LIST         comma-separated: ${modelKinds.join(', ')};
                        NAME=KIND serves a kind under another name
  --name NAME           sent as metadata "demo-server" with every reply
  --tensor-content      answer tensor_content in place of typed values
  --loading-ms N        how long models load
  --max-concurrent-streams N  --max-connection-age-ms N   limits of each connection
  --tls-cert FILE --tls-key FILE [--tls-client-ca FILE]
  --latency-ms N  --jitter-ms N  --slots N (calls at a time)  --fail-rate 0..1  --fail-code NAME  --fail-message TEXT  --fail-next N
  --hang  --drop-rate 0..1  --drop-next N  --fault-scope inference|all  --fault-model NAME
  --exit-with-stdin     stop when standard input ends and not on SIGINT, so that no server outlives who started it
`;

/** Flags of faults to their settings; what they take decides how they are read. */
const faultFlags = {
  'latency-ms': 'latencyMs',
  'jitter-ms': 'jitterMs',
  slots: 'slots',
  'fail-rate': 'failRate',
  'fail-code': 'failCode',
  'fail-message': 'failMessage',
  'fail-next': 'failNext',
  'drop-rate': 'dropRate',
  'drop-next': 'dropNext',
  'fault-scope': 'scope',
  'fault-model': 'model',
} as const satisfies Readonly<Record<string, keyof Faults>>;
const textFaults: ReadonlySet<string> = new Set(['fail-code', 'fail-message', 'fault-scope', 'fault-model']);

const string = { type: 'string' } as const;
const boolean = { type: 'boolean' } as const;
const flags = {
  help: boolean,
  port: string,
  host: string,
  'control-port': string,
  models: string,
  name: string,
  'tensor-content': boolean,
  'loading-ms': string,
  'max-concurrent-streams': string,
  'max-connection-age-ms': string,
  'tls-cert': string,
  'tls-key': string,
  'tls-client-ca': string,
  hang: boolean,
  'exit-with-stdin': boolean,
  ...(Object.fromEntries(Object.keys(faultFlags).map((flag) => [flag, string])) as Record<
    keyof typeof faultFlags,
    typeof string
  >),
} as const;

type Values = Readonly<Partial<Record<keyof typeof flags, string | boolean>>>;

function numberOf(flag: string, value: unknown, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(value);
  if (value === '' || !(number >= 0 && number <= most)) {
    throw new Error(`--${flag}: expected a number from 0 to ${most}, got "${String(value)}"`);
  }
  return number;
}

const maxPort = 65_535;

function textOf(values: Values, flag: keyof typeof flags): string | undefined {
  const value = values[flag];
  return typeof value === 'string' ? value : undefined;
}

function faultsOf(values: Values): Partial<Faults> {
  const given: Record<string, unknown> = {};
  for (const [flag, name] of Object.entries(faultFlags)) {
    const value = textOf(values, flag as keyof typeof faultFlags);
    if (value !== undefined) given[name] = textFaults.has(flag) ? value : numberOf(flag, value);
  }
  if (values.hang === true) given['hang'] = true;
  return parseFaults(given);
}

function tlsOf(values: Values): DemoServerOptions['tls'] {
  const cert = textOf(values, 'tls-cert');
  const key = textOf(values, 'tls-key');
  const clientCa = textOf(values, 'tls-client-ca');
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new Error('--tls-cert and --tls-key go together');
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(clientCa === undefined ? {} : { clientCa: readFileSync(clientCa) }),
  };
}

function optionsOf(values: Values): DemoServerOptions {
  const port = textOf(values, 'port');
  const host = textOf(values, 'host');
  const controlPort = textOf(values, 'control-port');
  const models = textOf(values, 'models');
  const name = textOf(values, 'name');
  const loadingMs = textOf(values, 'loading-ms');
  const streams = textOf(values, 'max-concurrent-streams');
  const ageMs = textOf(values, 'max-connection-age-ms');
  const tls = tlsOf(values);
  return {
    ...(port === undefined ? {} : { port: numberOf('port', port, maxPort) }),
    ...(host === undefined ? {} : { host }),
    ...(controlPort === undefined ? {} : { controlPort: numberOf('control-port', controlPort, maxPort) }),
    ...(models === undefined ? {} : { models: models.split(',').map((item) => item.trim()) }),
    ...(name === undefined ? {} : { name }),
    tensorContent: values['tensor-content'] === true,
    ...(loadingMs === undefined ? {} : { loadingMs: numberOf('loading-ms', loadingMs) }),
    ...(streams === undefined ? {} : { maxConcurrentStreams: numberOf('max-concurrent-streams', streams) }),
    ...(ageMs === undefined ? {} : { maxConnectionAgeMs: numberOf('max-connection-age-ms', ageMs) }),
    faults: faultsOf(values),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** The line that a demo server prints when it listens. */
export interface ReadyLine {
  readonly ready: true;
  readonly pid: number;
  readonly port: number;
  readonly controlPort?: number;
}

/**
 * Runs a demo server until SIGTERM or SIGINT (or the end of standard input, when asked).
 * @returns the exit code: 0 after a clean stop, 2 for a mistake on the command line (said on standard error).
 */
export async function demoServerMain(argv: readonly string[]): Promise<number> {
  let server;
  let exitWithStdin = false;
  try {
    const values: Values = parseArgs({ args: [...argv], options: flags, strict: true }).values;
    if (values.help === true) {
      process.stdout.write(demoServerHelp);
      return 0;
    }
    exitWithStdin = values['exit-with-stdin'] === true;
    server = await startDemoServer(optionsOf(values));
  } catch (reason) {
    process.stderr.write(`demo server: ${reason instanceof Error ? reason.message : String(reason)}\n`);
    return 2;
  }
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    if (exitWithStdin)
      process.stdin
        .on('end', resolve)
        .on('error', () => resolve())
        .resume();
  });
  const line: ReadyLine = {
    ready: true,
    pid: process.pid,
    port: server.port,
    ...(server.controlPort === undefined ? {} : { controlPort: server.controlPort }),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  await stopped;
  await server.stop();
  return 0;
}

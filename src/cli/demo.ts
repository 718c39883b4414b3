/** `demo`: embedded model servers as processes of their own, and the gateway in front of them. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultModels, startDemoFleet } from '../demo/index.ts';
import { parse, serveArguments } from './flags.ts';
import { demoHelp } from './help.ts';
import { doorLines, runGateway } from './serve.ts';
import { exit, usageError } from './usage.ts';

/** Where a checkout has the ten digits, or what is compiled, as a path from here. */
function digitsFile(): string {
  const [file = ''] = ['../../examples/digits.json', '../examples/digits.json']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .filter((path) => existsSync(path));
  return relative(process.cwd(), file);
}

/** Three digits of the test set would not fit a line; a sum does. */
function hints(rest: number, grpc: number, admin: number | undefined): string {
  const page =
    admin === undefined
      ? ''
      : `  http://localhost:${admin}/ in a browser: the fleet, and a playground where you draw a digit\n`;
  return `
Try:
${page}  curl -d '{"instances": [1.0, 2.0, 5.0]}' http://localhost:${rest}/v1/models/half_plus_two:predict
  curl -d @${digitsFile()} http://localhost:${rest}/v1/models/digits:predict
  grpcurl -plaintext -d '{"modelSpec": {"name": "digits"}}' localhost:${grpc} tensorflow.serving.ModelService/GetModelStatus
Ctrl-C ends it.
`;
}

/**
 * Runs `tensorgate demo`: a gateway with 1 to 50 model servers as child processes.
 * @returns the exit code
 * @throws CliError for wrong arguments
 */
export async function demo(args: readonly string[], version: string): Promise<number> {
  const replicasAt = args.indexOf('--replicas');
  const own = replicasAt === -1 ? [] : args.slice(replicasAt, replicasAt + 2);
  const rest = replicasAt === -1 ? args : [...args.slice(0, replicasAt), ...args.slice(replicasAt + 2)];
  const { values } = parse(own, { replicas: { type: 'string' } });
  const { flags, config, help } = serveArguments(rest);
  if (help) {
    process.stdout.write(demoHelp);
    return exit.ok;
  }
  const replicas = Number(values.replicas ?? '3');
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 50)
    throw usageError('--replicas takes a number from 1 to 50');
  process.stdout.write(`starting ${replicas} model servers ...\n`);
  const fleet = await startDemoFleet({ replicas });
  try {
    return await runGateway({
      version,
      config,
      endsAtOnce: true,
      flags: {
        host: '127.0.0.1',
        // what a person reads here is the list of things to try
        logLevel: 'warn',
        ...clean(flags),
        models: defaultModels,
        backends: fleet.backends.map(({ url }) => url),
      },
      onReady(gateway) {
        const { rest: restDoor, grpc, admin } = gateway.addresses;
        const servers = fleet.backends
          .map(({ url, pid }) => `  model server       ${url}  (process ${pid ?? ''})\n`)
          .join('');
        process.stdout.write(
          `tensorgate ${version} is serving\n${doorLines(gateway, false)}${servers}${hints(restDoor.port, grpc.port, admin?.port)}`,
        );
      },
    });
  } finally {
    await fleet.stop();
  }
}

function clean<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The flags of `serve` and `demo`, read into what the configuration takes. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Flags } from '../config/index.ts';
import { usageError } from './usage.ts';

export interface ServeArguments {
  readonly flags: Flags;
  readonly config: string | undefined;
  readonly help: boolean;
}

const options = {
  config: { type: 'string' },
  backend: { type: 'string', multiple: true },
  host: { type: 'string' },
  'rest-port': { type: 'string' },
  'grpc-port': { type: 'string' },
  'admin-port': { type: 'string' },
  workers: { type: 'string' },
  passthrough: { type: 'boolean' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

/** node:util's messages in one line, without its advice on quoting. */
export function parse<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  config: T,
  allowPositionals = false,
) {
  try {
    return parseArgs({ args: [...args], options: config, allowPositionals, strict: true });
  } catch (error) {
    throw usageError(`${(error as Error).message.split('. ', 1)[0] ?? ''} (--help says which there are)`);
  }
}

function portOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535)
    throw usageError(`--${name} takes a port from 0 to 65535, not "${text}"`);
  return port;
}

function workersOf(text: string | undefined): number | 'auto' | undefined {
  if (text === undefined || text === 'auto') return text;
  if (!/^[0-9]{1,3}$/.test(text) || Number(text) < 1)
    throw usageError(`--workers takes a number from 1 on, or auto, not "${text}"`);
  return Number(text);
}

/**
 * Parses the arguments of `tensorgate serve`; flags that are absent are undefined.
 * @throws CliError for an unknown flag, a port above 65535 or a wrong number of workers
 */
export function serveArguments(args: readonly string[]): ServeArguments {
  const { values } = parse(args, options);
  return {
    help: values.help === true,
    config: values.config,
    flags: {
      backends: values.backend,
      host: values.host,
      restPort: portOf('rest-port', values['rest-port']),
      grpcPort: portOf('grpc-port', values['grpc-port']),
      adminPort: portOf('admin-port', values['admin-port']),
      workers: workersOf(values.workers),
      passthrough: values.passthrough,
      tlsCert: values['tls-cert'],
      tlsKey: values['tls-key'],
      tlsClientCa: values['tls-client-ca'],
    },
  };
}

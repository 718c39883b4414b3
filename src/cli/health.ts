/**
 * `health`: asks this machine's own gateway whether it lives, or is ready, for container engines and probes that have
 * no HTTP client.
 */
import http from 'node:http';
import https from 'node:https';
import { adminUrl } from './admin-url.ts';
import { parse } from './flags.ts';
import { healthHelp } from './help.ts';
import { snapshotOf } from './serve.ts';
import { CliError, exit, usageError } from './usage.ts';

/** As container engines wait by default for less than this, in ms. */
const timeoutMs = 2000;

interface AdminAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Where the admin door of a configuration can be reached from this machine. */
function adminAddressOf(config: string): AdminAddress {
  const { doors } = snapshotOf(config, {}).config;
  if (doors.adminPort === 0)
    throw new CliError(exit.config, `${config} has no admin door (doors.adminPort is 0)`);
  const bound = doors.adminHost ?? doors.host;
  const host = bound === '0.0.0.0' ? '127.0.0.1' : bound === '::' ? '::1' : bound;
  return { host, port: doors.adminPort, tls: doors.tls !== undefined };
}

function adminAddressAt(admin: string): AdminAddress {
  const { protocol, hostname, port } = adminUrl(admin);
  const tls = protocol === 'https:';
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (tls ? 443 : 80), tls };
}

/** @returns what is wrong; undefined when all is well */
function ask({ host, port, tls }: AdminAddress, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // it asks itself, and tells nothing: whose certificate it is does not matter
    const options = { host, port, path, timeout: timeoutMs, rejectUnauthorized: false, agent: false };
    const request = (tls ? https : http).get(options, (response) => {
      const { statusCode = 0 } = response;
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => (text = (text + chunk).slice(0, 300)))
        .on('end', () => {
          resolve(statusCode < 300 ? undefined : `HTTP status ${statusCode}: ${text.trim()}`);
        })
        .on('error', (error) => {
          resolve(error.message);
        });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error: NodeJS.ErrnoException) => {
      // it speaks, and wants to know who asks
      resolve(
        error.code?.startsWith('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED') === true
          ? undefined
          : error.message,
      );
    });
  });
}

/**
 * Runs `tensorgate health`: requests /healthz, or /readyz with --ready, of the admin listener.
 * @returns the exit code
 * @throws CliError for wrong arguments, or an answer other than a good one
 */
export async function health(args: readonly string[]): Promise<number> {
  const { values } = parse(args, {
    admin: { type: 'string' },
    config: { type: 'string' },
    ready: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help === true) {
    process.stdout.write(healthHelp);
    return exit.ok;
  }
  if (values.admin !== undefined && values.config !== undefined)
    throw usageError('--admin and --config say the same: give one of them');
  const { admin = 'http://127.0.0.1:8001', config } = values;
  const wrong = await ask(
    config === undefined ? adminAddressAt(admin) : adminAddressOf(config),
    values.ready === true ? '/readyz' : '/healthz',
  );
  if (wrong !== undefined) throw new CliError(exit.failed, wrong);
  return exit.ok;
}

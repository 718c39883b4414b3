/**
 * `check`: every mistake in a configuration file, with its place and path; without any, what the file says in short.
 */
import { type Config, ConfigError, loadSnapshot } from '../config/index.ts';
import { parse } from './flags.ts';
import { checkHelp } from './help.ts';
import { paintFor, table } from './terminal.ts';
import { exit, usageError } from './usage.ts';

/** Names of models in one line. */
const maxNamed = 8;

function summary({ fleets, models, defaultFleet }: Config): [string, string, string][] {
  return Object.entries(fleets).map(([name, { backends }]) => {
    const own = Object.entries(models)
      .filter(([, { fleet }]) => (fleet ?? defaultFleet) === name)
      .map(([model]) => model);
    const named =
      own.length > maxNamed
        ? `${own.slice(0, maxNamed).join(', ')} and ${own.length - maxNamed} more`
        : own.join(', ');
    const rest = name === defaultFleet ? 'and every other' : '';
    const urls = backends.map((backend) => (typeof backend === 'string' ? backend : backend.url));
    return [name, urls.join(' ') || 'discovered', [named, rest].filter((part) => part !== '').join(', ')];
  });
}

function good(file: string, config: Config, json: boolean): number {
  const rows = summary(config);
  if (json) {
    const fleets = rows.map(([name]) => ({ name, backends: config.fleets[name]?.backends }));
    process.stdout.write(
      `${JSON.stringify({ file, ok: true, fleets, models: Object.keys(config.models) }, undefined, 2)}\n`,
    );
    return exit.ok;
  }
  const paint = paintFor(process.stdout);
  const head = ['FLEET', 'BACKENDS', 'MODELS'].map((cell) => paint('gray', cell));
  process.stdout.write(`${file}: ${paint('green', 'fine')}\n${table([head, ...rows])}`);
  return exit.ok;
}

function bad(file: string, { problems, more }: ConfigError, json: boolean): number {
  if (json) {
    const counted = more === 0 ? {} : { more };
    process.stdout.write(`${JSON.stringify({ file, ok: false, problems, ...counted }, undefined, 2)}\n`);
    return exit.config;
  }
  const paint = paintFor(process.stderr);
  for (const { path, message, line, column } of problems) {
    const place = line === undefined ? '' : `:${line}:${column ?? 1}`;
    const where = path === '' ? '' : `${paint('bold', path)}: `;
    process.stderr.write(`${file}${place}: ${where}${paint('red', message)}\n`);
  }
  if (more > 0) process.stderr.write(`${file}: and ${more} more\n`);
  return exit.config;
}

/**
 * Runs `tensorgate check FILE`: validates a configuration file and prints its problems.
 * @returns the exit code
 * @throws CliError for wrong arguments
 */
export function check(args: readonly string[]): number {
  const { values, positionals } = parse(
    args,
    { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    true,
  );
  if (values.help === true) {
    process.stdout.write(checkHelp);
    return exit.ok;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw usageError('check takes one file');
  const json = values.json === true;
  try {
    return good(file, loadSnapshot(file, {}, process.env).config, json);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return bad(file, error, json);
  }
}

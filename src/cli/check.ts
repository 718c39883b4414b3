/** `check`: every mistake in a configuration file, with its path. */
import { ConfigError, loadSnapshot } from '../config/index.ts';
import { parse } from './flags.ts';
import { checkHelp } from './help.ts';
import { exit, usageError } from './usage.ts';

export function check(args: readonly string[]): number {
  const { values, positionals } = parse(args, { help: { type: 'boolean', short: 'h' } }, true);
  if (values.help === true) {
    process.stdout.write(checkHelp);
    return exit.ok;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw usageError('check takes one file');
  try {
    const { config } = loadSnapshot(file, {}, process.env);
    const backends = Object.values(config.fleets).reduce((sum, fleet) => sum + fleet.backends.length, 0);
    process.stdout.write(
      `${file}: fine (${Object.keys(config.fleets).length} fleets, ${backends} backends, ${Object.keys(config.models).length} models)\n`,
    );
    return exit.ok;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { path, message } of error.problems)
      process.stderr.write(`${file}: ${path === '' ? '' : `${path}: `}${message}\n`);
    return exit.config;
  }
}

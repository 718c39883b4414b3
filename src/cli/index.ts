/** What a person types: finds the command, prints its help, turns errors into one line and an exit code. */
import { say } from '../base/stdio.ts';
import { mainHelp } from './help.ts';
import { CliError, exit } from './usage.ts';

const commands: Readonly<Record<string, (args: readonly string[], version: string) => Promise<number>>> = {
  serve: async (...rest) => (await import('./serve.ts')).serve(...rest),
  demo: async (...rest) => (await import('./demo.ts')).demo(...rest),
  check: async (args) => (await import('./check.ts')).check(args),
  models: async (args) => (await import('./models.ts')).models(args),
  health: async (args) => (await import('./health.ts')).health(args),
};

/** Runs a command line (without node and script); gives the exit code. */
export async function run(args: readonly string[], version: string): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-v') {
    process.stdout.write(`tensorgate ${version}\n`);
    return exit.ok;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(mainHelp);
    return name === undefined ? exit.usage : exit.ok;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command === undefined)
      throw new CliError(
        exit.usage,
        `there is no command "${name}": serve, demo, check, models, health (--help says more)`,
      );
    return await command(rest, version);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    say(process.stderr, `tensorgate: ${error.message}\n`);
    return error.code;
  }
}

/** The process: reads the command line and hands it to the command it names. */
import { readFileSync } from 'node:fs';

const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
process.stdout.write(`tensorgate ${version}\n`);

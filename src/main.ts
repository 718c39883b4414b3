/** The process: reads the command line and hands it to the command it names. */
import './engine.ts';
import { readFileSync } from 'node:fs';
import { run } from './cli/index.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
process.exitCode = await run(process.argv.slice(2), version);
// whatever is still open (sockets that a peer keeps) must not hold up the end
process.exit();

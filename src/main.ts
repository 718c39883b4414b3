/** The process: reads the command line and hands it to the command it names. */
import { guardStdio, printed } from './base/stdio.ts';
import { run } from './cli/index.ts';
import { version } from './index.ts';
import './base/v8-flags.ts';

guardStdio();
const args = process.argv.slice(2);
process.exitCode = await run(args, version);
// a person may page through what a command says; what served ends whether somebody reads or not
await printed(args[0] === 'serve' || args[0] === 'demo' ? 1000 : undefined);
// whatever is still open (sockets that a peer keeps) must not hold up the end
process.exit();

/** The entry of a demo server's own process; the fleet starts it, and so can a person. */
import { demoServerMain } from './main.ts';

process.exit(await demoServerMain(process.argv.slice(2)));

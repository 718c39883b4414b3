/** What a program may import of this package: who it is, and the command to start. A gateway is a process of its own. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The release, as "1.2.3". */
export const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** The command's file, for `spawn(process.execPath, [command, 'serve', ...])`. */
export const command: string = fileURLToPath(new URL('launch.cjs', import.meta.url));

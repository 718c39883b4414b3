/** `@tensorgate/web` as its user has it: compiled, packed by npm, and unpacked where an install would put it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = join(root, 'clients/web');

export interface WebClient {
  /** A project's folder, with the package in its node_modules. */
  readonly project: string;
  /** The package's folder. */
  readonly path: string;
  /** What `import '@tensorgate/web'` finds in that project. */
  readonly entry: string;
  /** The paths in the archive, without "package/". */
  readonly files: readonly string[];
  remove(): void;
}

/** Two tests at once build it apart, so it is compiled beside clients/web and not in it. */
export async function installWebClient(): Promise<WebClient> {
  const project = mkdtempSync(join(tmpdir(), 'tensorgate-web-'));
  const stage = join(project, 'stage');
  const path = join(project, 'node_modules/@tensorgate/web');
  mkdirSync(path, { recursive: true });
  for (const file of ['package.json', 'README.md', 'LICENSE']) cpSync(join(source, file), join(stage, file));
  const done = async (command: string, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(command, args, { cwd: stage });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stdout}${stderr}`);
    return stdout;
  };
  await done(join(root, 'node_modules/.bin/tsc'), ['-p', source, '--outDir', join(stage, 'dist')]);
  const name = (await done('npm', ['pack', '--ignore-scripts', '--silent'])).trim();
  await done('tar', ['-xzf', name, '--strip-components=1', '-C', path]);
  const listed = await done('tar', ['-tzf', name]);
  return {
    project,
    path,
    entry: createRequire(join(project, 'index.js')).resolve('@tensorgate/web'),
    files: listed
      .trim()
      .split('\n')
      .map((file) => file.replace(/^package\//, '')),
    remove() {
      rmSync(project, { recursive: true, force: true });
    },
  };
}

/** What is wrong with a configuration: every mistake at once, each with its path. */
import { hideSecrets } from '../call/index.ts';

export interface Problem {
  /** "fleets.default.backends[1]"; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** Of the file, from 1 on; absent for what a flag says, or what is not there. */
  readonly line?: number;
  readonly column?: number;
}

/** More are a file that was meant for something else. */
const maxTold = 100;

export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(found: readonly Problem[]) {
    // a mistake is told with what stands there, which may be a URL with its password
    const problems = found.map((problem) => ({ ...problem, message: hideSecrets(problem.message) }));
    const told = problems.slice(0, maxTold).map(({ path, message, line }) => {
      const place = line === undefined ? '' : ` (line ${line})`;
      return path === '' ? message : `${path}: ${message}${place}`;
    });
    if (problems.length > maxTold) told.push(`and ${problems.length - maxTold} more`);
    super(told.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

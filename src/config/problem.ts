/** What is wrong with a configuration: every mistake at once, each with its path and its place in the file. */
import { hideSecrets } from '../base/secrets.ts';

export interface Problem {
  /** "fleets.default.backends[1]"; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** Of the file, from 1 on; absent for what a flag says, or what is not there. */
  readonly line?: number;
  readonly column?: number;
  /** A flag says it, and not the file. */
  readonly byFlag?: true;
}

/** More are a file that was meant for something else. */
export const maxProblems = 50;

/**
 * Error for a refused configuration; its message has a line for each problem, at most `maxProblems`, with
 * secrets hidden.
 */
export class ConfigError extends Error {
  /** The first of them, by their place in the file. */
  readonly problems: readonly Problem[];
  /** Mistakes beyond these. */
  readonly more: number;
  /** Files that the configuration is made of, be they there or not: who mends one of them may have mended it. */
  readonly files: readonly string[];

  constructor(found: readonly Problem[], files: readonly string[] = []) {
    // a mistake is told with what stands there, which may be a URL with its password
    const problems = found
      .slice(0, maxProblems)
      .map((problem) => ({ ...problem, message: hideSecrets(problem.message) }));
    const more = found.length - problems.length;
    const told = problems.map(({ path, message, line, column }) => {
      const place = line === undefined ? '' : ` (line ${line}, column ${column ?? 1})`;
      return path === '' ? `${message}${place}` : `${path}: ${message}${place}`;
    });
    if (more > 0) told.push(`and ${more} more`);
    super(told.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
    this.more = more;
    this.files = files;
  }
}

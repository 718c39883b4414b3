/** What is wrong with a configuration: every mistake at once, each with its path. */

export interface Problem {
  /** "fleets.default.backends[1]"; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** What a person typed wrong, and the exit codes that say so. */

/** sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE, EX_CONFIG. */
export const exit = { ok: 0, failed: 1, usage: 64, unavailable: 69, software: 70, config: 78 } as const;

/** Ends the command with one line and a code. */
export class CliError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'CliError';
    this.code = code;
  }
}

export const usageError = (message: string): CliError => new CliError(exit.usage, message);

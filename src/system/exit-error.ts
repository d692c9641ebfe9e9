// The error that ends a program: one sentence for stderr, and an exit code.

/** The exit code for wrong arguments. tsvdectl uses NO_REPLY instead, since its other exit codes are errnos. */
export const USAGE = 2;

export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

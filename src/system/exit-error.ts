// Why a program ends: one sentence for stderr, and the exit code that goes with it.

export const USAGE = 2;

export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

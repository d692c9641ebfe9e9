// Turns system errors into sentences that name the action: `cannot listen on :7000: Address already in use`.
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';

/** Returns a SwitchError for a system error: EADDRINUSE and EACCES keep their code, any other becomes EIO. */
export function refusal(what: string, error: unknown, hint?: string): SwitchError {
  if (error instanceof SwitchError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const kept = code === 'EADDRINUSE' || code === 'EACCES' ? code : 'EIO';
  return new SwitchError(kept, `cannot ${what}: ${describeError(error)}${hint ? `; ${hint}` : ''}`);
}

/** Runs an action, and turns a system error that it throws into a SwitchError. */
export function attempt<T>(what: string, action: () => T, hint?: string): T {
  try {
    return action();
  } catch (error) {
    throw refusal(what, error, hint);
  }
}

// What the system refuses, as a sentence with its reason: `cannot listen on :7000: Address already in use`.

import { SwitchError } from '../protocol/errors.ts';
import { describeError } from '../system/errno.ts';

/** EADDRINUSE and EACCES as they are; EIO for all else. */
export function refusal(what: string, error: unknown, hint?: string): SwitchError {
  if (error instanceof SwitchError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const kept = code === 'EADDRINUSE' || code === 'EACCES' ? code : 'EIO';
  return new SwitchError(kept, `cannot ${what}: ${describeError(error)}${hint ? `; ${hint}` : ''}`);
}

export function attempt<T>(what: string, action: () => T, hint?: string): T {
  try {
    return action();
  } catch (error) {
    throw refusal(what, error, hint);
  }
}

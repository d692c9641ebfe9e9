// errno names and libc's descriptions of them: `EEXIST` is 17, "File exists".
import { constants } from 'node:os';
import type { ErrnoName } from '../protocol/errors.ts';
import { strerror } from '../protocol/strerror.ts';

export function errnoNumber(code: ErrnoName): number {
  return constants.errno[code];
}

/** Returns libc's description of an error that has an errno name, and the message of any other error. */
export function describeError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const number = constants.errno[code as keyof typeof constants.errno];
  return number === undefined ? (message ?? String(error)) : strerror(number);
}

/** Returns the reason why an endpoint of the engine ended, as a name for a counter. */
export function nameEnd(errno: number): string {
  if (errno === constants.errno.EPIPE) return 'closed';
  if (errno === constants.errno.EBADMSG) return 'bad_length';
  return 'error';
}

/** Returns the reason why an endpoint of the engine ended. */
export function describeEnd(errno: number): string {
  if (errno === constants.errno.EPIPE) return 'the peer closed it';
  if (errno === constants.errno.EBADMSG) return 'it sent an invalid frame length';
  return strerror(errno);
}

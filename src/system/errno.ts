// errno names and libc's words for them: `EEXIST` is 17, "File exists".
import { constants } from 'node:os';
import type { ErrnoName } from '../protocol/errors.ts';
import { native } from './native.ts';

export function errnoNumber(code: ErrnoName): number {
  return constants.errno[code];
}

/** libc's words, as they stand in every reply of the console. */
export function strerror(errno: number): string {
  return native.strerror(errno);
}

/** "Permission denied" for an error that has an errno name; its own message otherwise. */
export function describeError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const number = constants.errno[code as keyof typeof constants.errno];
  return number === undefined ? (message ?? String(error)) : strerror(number);
}

/** Why the engine can use an endpoint no longer. */
export function describeEnd(errno: number): string {
  if (errno === constants.errno.EPIPE) return 'the other end has closed it';
  if (errno === constants.errno.EBADMSG) return 'it sent a length that no frame has';
  return strerror(errno);
}

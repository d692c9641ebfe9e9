// The one error class of the switch: a sentence that a user can act on, and a stable errno name.

export type ErrnoName =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EEXIST'
  | 'EINVAL'
  | 'EIO'
  | 'ENAMETOOLONG'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENXIO'
  | 'EPERM'
  | 'EPROTO';

export class SwitchError extends Error {
  override readonly name = 'SwitchError';
  readonly code: ErrnoName;

  constructor(code: ErrnoName, message: string) {
    super(message);
    this.code = code;
  }
}

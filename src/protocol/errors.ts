// The one error the switch throws at its callers: a sentence to act on and a stable errno name.

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

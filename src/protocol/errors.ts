// The one error class of the switch: a sentence that a user can act on, and a stable errno name.

/** The errno names that a SwitchError can have as its code. */
export type ErrnoName =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'ECONNREFUSED'
  | 'EEXIST'
  | 'EINVAL'
  | 'EIO'
  | 'EMSGSIZE'
  | 'ENAMETOOLONG'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENXIO'
  | 'EPERM'
  | 'EPROTO';

/**
 * An error of the switch. Its message is a sentence that a user can act on; its code stays when the wording changes.
 */
export class SwitchError extends Error {
  /** Always `SwitchError`. */
  override readonly name = 'SwitchError';
  /** The kind of failure, as an errno name. */
  readonly code: ErrnoName;

  /** Makes an error with an errno name and a sentence. */
  constructor(code: ErrnoName, message: string) {
    super(message);
    this.code = code;
  }
}

// The findings of the checks of `tsvde doctor`.

/**
 * `wrong`: something hinders the switch or its clients; `lacking`: a feature cannot be used here, which may not matter;
 * `ok`: nothing to do.
 */
export type Status = 'ok' | 'lacking' | 'wrong';

export interface Finding {
  /** The name of the check, one of those that the command accepts. */
  check: string;
  status: Status;
  /** A sentence that says what was found. */
  text: string;
  /** A sentence that says what to do about the finding; absent if the status is `ok`. */
  remedy?: string;
}

/** A finding without the check's name. */
export type Found = Omit<Finding, 'check'>;

export const ok = (text: string): Found => ({ status: 'ok', text });
export const lacking = (text: string, remedy: string): Found => ({ status: 'lacking', text, remedy });
export const wrong = (text: string, remedy: string): Found => ({ status: 'wrong', text, remedy });

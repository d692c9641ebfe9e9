// The privileges of tsvde itself. It keeps those that its options can need, and gives up all others in every thread
// before it opens anything, so that threads and programs started later do not have the others either.
import { SwitchError } from '../protocol/errors.ts';
import { findUser, groupId } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { CAPABILITIES, native } from '../system/native.ts';

export interface Privileges {
  /** `NAME[:GROUP]`: the user to become, by name or number, and the group if it is not the user's own. */
  user: string | undefined;
  /** Whether the console may attach TAPs that need CAP_NET_ADMIN. */
  tapAtRuntime: boolean;
}

interface Confined extends Privileges {
  specs: readonly string[];
  rcFile: string | undefined;
}

const { CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_ADMIN, NET_BIND_SERVICE, SETGID, SETUID } = CAPABILITIES;

/** The capabilities for the sockets of clients of several users, and for the permissions of the control directory. */
const CLIENTS = [CHOWN, DAC_OVERRIDE, FOWNER, FSETID];
/** The capabilities for the process of a user-mode network, which becomes another user. */
const USER_PORTS = [SETUID, SETGID, KILL];

/**
 * Gives up the privileges that the start does not need. Returns the function that also gives up those that only the
 * start needs. Throws ExitError if --user cannot be satisfied.
 */
export function confine(options: Confined): () => void {
  if (options.user !== undefined) becomeUser(options.user);
  const kept = [...CLIENTS, NET_BIND_SERVICE, ...(mayStartStacks(options) ? USER_PORTS : [])];
  drop([...kept, NET_ADMIN], kept);
  return () => {
    if (!options.tapAtRuntime) drop(kept, kept);
  };
}

/**
 * Returns whether the options can open a user-mode network. An rc file, whose commands are not known yet, counts as one
 * that can.
 */
function mayStartStacks({ user, specs, rcFile }: Confined): boolean {
  return user === undefined && (rcFile !== undefined || specs.some((spec) => /^user(,|$)/.test(spec)));
}

/** Keeps these capabilities. Programs that are started later can have those in `passedOn`. */
function drop(kept: readonly number[], passedOn: readonly number[]): void {
  try {
    native.dropPrivileges(kept, passedOn);
  } catch (error) {
    throw new ExitError(1, `cannot give up privileges: ${describeError(error)}`);
  }
}

function becomeUser(text: string): void {
  const [, name = '', group] = /^([^:]*)(?::(.+))?$/s.exec(text) ?? [];
  const uid = findUser(name);
  if (uid === undefined) throw new ExitError(1, `--user: there is no user '${name}': give NAME[:GROUP]`);
  const gid = group === undefined ? native.primaryGroup(uid) : findGroupOf(group);
  if (gid === undefined) throw new ExitError(1, `--user: the user ${uid} has no group of its own: give ${uid}:GROUP`);
  if (uid === 0) throw new ExitError(1, '--user: root is the user to leave: name another');
  try {
    native.becomeUser(uid, gid);
  } catch (error) {
    throw new ExitError(1, `--user: cannot become '${name}': ${describeError(error)}; start tsvde as root`);
  }
}

function findGroupOf(group: string): number {
  try {
    return groupId(group);
  } catch (error) {
    throw error instanceof SwitchError ? new ExitError(1, `--user: ${error.message}`) : error;
  }
}

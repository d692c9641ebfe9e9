// The privileges of tsvde itself. It starts with those that its options can need, and gives up the rest in every thread
// before it opens anything: whatever is started later inherits that.
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
  ports: readonly string[];
  rcFile: string | undefined;
}

const { CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_ADMIN, NET_BIND_SERVICE, SETGID, SETUID } = CAPABILITIES;

/** For the sockets of clients of several users, and the permissions of the control directory. */
const CLIENTS = [CHOWN, DAC_OVERRIDE, FOWNER, FSETID];
/** For the process of a user-mode network, which becomes another user. */
const USER_PORTS = [SETUID, SETGID, KILL];

/**
 * Gives up what the start does not need. Returns the function that also gives up what only the start needs. Throws
 * ExitError if --user cannot be satisfied.
 */
export function confine(options: Confined): () => void {
  if (options.user !== undefined) becomeUser(options.user);
  const kept = [...CLIENTS, NET_BIND_SERVICE, ...(mayStartStacks(options) ? USER_PORTS : [])];
  drop([...kept, NET_ADMIN], kept);
  return () => {
    if (!options.tapAtRuntime) drop(kept, kept);
  };
}

/** Returns whether the options can open a user-mode network. What the rc file does is not known yet. */
function mayStartStacks({ user, ports, rcFile }: Confined): boolean {
  return user === undefined && (rcFile !== undefined || ports.some((spec) => /^user(,|$)/.test(spec)));
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

// Users and groups by name or number, and membership in groups.
import { SwitchError } from '../protocol/errors.ts';
import { native } from './native.ts';

const UNSET = 'NONE';
const ROOT = 0;

/** Returns the name of a user, `1234` for an ID without a name, or `NONE` for undefined. */
export function userName(uid: number | undefined): string {
  return uid === undefined ? UNSET : (native.userById(uid)?.name ?? String(uid));
}

export function groupName(gid: number | undefined): string {
  return gid === undefined ? UNSET : (native.groupById(gid)?.name ?? String(gid));
}

/** Returns a user's ID from a login name or a number; undefined for anything else. */
export function findUser(text: string): number | undefined {
  return native.userByName(text)?.id ?? accountNumber(text);
}

export function findGroup(text: string): number | undefined {
  return native.groupByName(text)?.id ?? accountNumber(text);
}

/** Returns a group's ID. Throws SwitchError EINVAL if there is no such group. */
export function groupId(name: string): number {
  const gid = findGroup(name);
  if (gid === undefined) throw new SwitchError('EINVAL', `there is no group '${name}'`);
  return gid;
}

/** Does the same as groupId() for an option that may be absent. The error has vde_switch's sentence. */
export function groupOption(name: string | undefined): number | undefined {
  const gid = name === undefined ? undefined : findGroup(name);
  if (name !== undefined && gid === undefined) throw new SwitchError('EINVAL', `No such group '${name}'`);
  return gid;
}

/** Returns whether this user is root or the switch's own, who could end the switch anyway. */
export function isOwner(uid: number | undefined): boolean {
  return uid !== undefined && (uid === ROOT || uid === process.geteuid?.());
}

export function isMember(uid: number, gid: number): boolean {
  return native.isMember(uid, gid);
}

function accountNumber(text: string): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && number < 0xffff_ffff ? number : undefined;
}

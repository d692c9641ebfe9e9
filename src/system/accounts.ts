// Users and groups by name or number, and who is a member of what.

import { SwitchError } from '../protocol/errors.ts';
import { native } from './native.ts';

const NOBODY_SET = 'NONE';

/** `root`, `1234` where the id has no name, `NONE` where there is none. */
export function userName(uid: number | undefined): string {
  return uid === undefined ? NOBODY_SET : (native.userById(uid)?.name ?? String(uid));
}

export function groupName(gid: number | undefined): string {
  return gid === undefined ? NOBODY_SET : (native.groupById(gid)?.name ?? String(gid));
}

/** A login name, or else a number; undefined when it is neither. */
export function findUser(text: string): number | undefined {
  return native.userByName(text)?.id ?? accountNumber(text);
}

export function findGroup(text: string): number | undefined {
  return native.groupByName(text)?.id ?? accountNumber(text);
}

/** Throws SwitchError EINVAL where there is none of that name. */
export function groupId(name: string): number {
  const gid = findGroup(name);
  if (gid === undefined) throw new SwitchError('EINVAL', `there is no group '${name}'`);
  return gid;
}

/** Of an option that names a group or is not given; likewise, in vde_switch's words. */
export function groupOption(name: string | undefined): number | undefined {
  const gid = name === undefined ? undefined : findGroup(name);
  if (name !== undefined && gid === undefined) throw new SwitchError('EINVAL', `No such group '${name}'`);
  return gid;
}

export function isMember(uid: number, gid: number): boolean {
  return native.isMember(uid, gid);
}

function accountNumber(text: string): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && number < 0xffff_ffff ? number : undefined;
}

// The levels of commands. Each command needs one level. Each session holds one level, which includes all lower levels.
import { native } from '../system/native.ts';

/**
 * From the lowest to the highest. look: state and counters. change: ports, VLANs, names, hash, spanning tree. see:
 * captures and events of others' traffic. full: files, programs, host sockets, TAPs, shutdown.
 */
export const LEVELS = ['look', 'change', 'see', 'full'] as const;

export type Level = (typeof LEVELS)[number];

/**
 * The level of the users who are neither the switch's own user nor root, unless --mgmt-level chooses another one.
 * Started as vde_switch, tsvde chooses `full`.
 */
export const DEFAULT_LEVEL: Level = 'change';

export function isLevel(text: unknown): text is Level {
  return (LEVELS as readonly unknown[]).includes(text);
}

/** Returns whether a session that holds `held` may use a command that needs `needed`. */
export function includes(held: Level, needed: Level): boolean {
  return LEVELS.indexOf(held) >= LEVELS.indexOf(needed);
}

/** Returns the highest of the levels; `look` if there are none. */
export function highest(levels: readonly Level[]): Level {
  return LEVELS.findLast((level) => levels.includes(level)) ?? 'look';
}

/** Returns the user of the process that connected through `fd`; undefined if the kernel does not report it. */
export function userOfPeer(fd: number): number | undefined {
  try {
    return native.peerCredentials(fd).uid;
  } catch {
    return undefined;
  }
}

// The rows to measure, in groups. The rows of a group are measured in turns and printed in one table.
//
// A group has: title, columns, rows. A row has: name; carries and alsoCarries, which must both be in the `carries` of a
// peer that is measured; needs, the programs that must be installed, or root; needsOptions, whether the peer must have
// vde_switch's options; oursOnly; beside, the name of the row in the group to compare with; rounds, a smaller number of
// rounds if each round takes long; and measure(scope, peer, { seconds }), which resolves with a figure for each column.
// To add rows, add a file and its line here.
import { hasProgram } from '../set-up.mjs';
import { groups as busyPoll } from './rows/busy-poll.mjs';
import { groups as capture } from './rows/capture.mjs';
import { groups as confinement } from './rows/confinement.mjs';
import { groups as flood } from './rows/flood.mjs';
import { groups as footprint } from './rows/footprint.mjs';
import { groups as guests } from './rows/guests.mjs';
import { groups as iperf } from './rows/iperf.mjs';
import { groups as pacing } from './rows/pacing.mjs';
import { groups as ping } from './rows/ping.mjs';
import { groups as ports } from './rows/ports.mjs';
import { groups as size } from './rows/size.mjs';
import { groups as startUp } from './rows/start-up.mjs';
import { groups as unicast } from './rows/unicast.mjs';
import { groups as user } from './rows/user.mjs';
import { groups as vhostUser } from './rows/vhost-user.mjs';

export const GROUPS = [
  ...unicast,
  ...flood,
  ...size,
  ...ping,
  ...pacing,
  ...busyPoll,
  ...ports,
  ...capture,
  ...iperf,
  ...user,
  ...guests,
  ...vhostUser,
  ...confinement,
  ...footprint,
  ...startUp,
];

/**
 * Returns the groups, reduced to the rows whose names contain one of `wanted` and the rows that those are compared
 * with. If `wanted` is empty, returns all rows.
 */
export function matchingGroups(wanted) {
  const matches = ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part));
  return GROUPS.map((group) => {
    const named = group.rows.filter(matches);
    const rows = group.rows.filter((row) => named.includes(row) || named.some(({ beside }) => beside === row.name));
    return { ...group, rows };
  }).filter(({ rows }) => rows.length > 0);
}

export function canMeasure({ carries, alsoCarries = carries, needsOptions, oursOnly }, peer) {
  if (oursOnly && peer.name !== 'tsvde') return false;
  return peer.carries.includes(carries) && peer.carries.includes(alsoCarries) && (!needsOptions || peer.hasOptions);
}

/** Returns what the row needs but this machine lacks. */
export function lacking({ needs = [] }) {
  return needs.filter((need) => (need === 'root' ? process.geteuid() !== 0 : !hasProgram(need)));
}

// The rows to measure, in groups: the rows of a group are measured in turns and printed in one table.
//
// A group: title, columns, rows. A row: name; carries (and alsoCarries), what a peer must connect to be measured; needs
// (programs, or root); needsOptions, if the peer must have vde_switch's options; oursOnly; beside, the row of the group
// to compare with; rounds, if it takes long; measure(scope, peer, { seconds }), which resolves to a figure for each
// column. To add rows, add a file and its line here.
import { hasProgram } from '../set-up.mjs';
import { groups as flood } from './rows/flood.mjs';
import { groups as footprint } from './rows/footprint.mjs';
import { groups as guests } from './rows/guests.mjs';
import { groups as iperf } from './rows/iperf.mjs';
import { groups as pacing } from './rows/pacing.mjs';
import { groups as ping } from './rows/ping.mjs';
import { groups as ports } from './rows/ports.mjs';
import { groups as size } from './rows/size.mjs';
import { groups as unicast } from './rows/unicast.mjs';
import { groups as user } from './rows/user.mjs';

export const GROUPS = [
  ...unicast,
  ...flood,
  ...size,
  ...ping,
  ...pacing,
  ...ports,
  ...iperf,
  ...user,
  ...guests,
  ...footprint,
];

/** Returns the groups with only the rows whose names contain one of `wanted`, if given, and the rows beside those. */
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

/** Returns what the row needs and this machine lacks. */
export function lacking({ needs = [] }) {
  return needs.filter((need) => (need === 'root' ? process.geteuid() !== 0 : !hasProgram(need)));
}

// The permissions of a plug's own socket: only the switch may send to it, through the narrowest permission that
// suffices. The socket's name exists only during the handshake, so a switch of this test's own examines the socket at
// that time.
import { chownSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type JoinOptions, joinSwitch } from '../../src/plug/join.ts';
import { addressPath } from '../../src/protocol/request.ts';
import { native } from '../../src/system/native.ts';
import { bareSwitch } from '../support/bare-switch.ts';
import { describeWith } from '../support/needs.ts';

/** Debian's IDs. */
const [DAEMON, NOBODY, NOGROUP] = [1, 65534, 65534];

/** Joins a switch of the given owner; returns the mode and the group of the client's socket as the switch finds it. */
async function seen(owner: { uid: number; gid: number }, options: JoinOptions = {}, euid = 0): Promise<string> {
  let found = 'no request';
  const { directory } = await bareSwitch(({ address }) => {
    const { mode, gid } = statSync(addressPath(address)!);
    found = `${(mode & 0o7777).toString(8)} ${gid}`;
  });
  chownSync(`${directory}/ctl`, owner.uid, owner.gid);
  process.seteuid!(euid);
  try {
    const { control, fd } = await joinSwitch(directory, options);
    control.destroy();
    native.closeDescriptor(fd);
  } finally {
    process.seteuid!(0);
  }
  return found;
}

describeWith(['root'], "a plug's own socket", () => {
  const root = { uid: 0, gid: 0 };
  const nobody = { uid: NOBODY, gid: NOGROUP };

  test.each<[string, string, { uid: number; gid: number }, JoinOptions, number]>([
    ["is only the owner's where the switch is root's", '700 0', root, {}, 0],
    ["is only the owner's where the switch is root's and the plug is not", '700 0', root, {}, DAEMON],
    ["is only the owner's where the switch is the owner's", '700 0', { uid: DAEMON, gid: NOGROUP }, {}, DAEMON],
    ["admits the group of another user's switch", `770 ${NOGROUP}`, nobody, {}, 0],
    ['admits everybody where that group may not be set', '777 0', nobody, {}, DAEMON],
    ['keeps a mode that admits others', '720 0', nobody, { mode: 0o720 }, 0],
    ['keeps a mode that admits others, also with the last bit only', '701 0', nobody, { mode: 0o701 }, 0],
    ["admits the switch's group where its mode admits only the owner", `670 ${NOGROUP}`, nobody, { mode: 0o600 }, 0],
    ['has the group that was asked for, and no more', `700 ${DAEMON}`, nobody, { group: 'daemon' }, 0],
    ['has the group and the mode that were asked for', `730 ${DAEMON}`, nobody, { group: 'daemon', mode: 0o730 }, 0],
  ])('%s: %s', async (_, expected, owner, options, euid) => {
    expect(await seen(owner, options, euid)).toBe(expected);
  });
});

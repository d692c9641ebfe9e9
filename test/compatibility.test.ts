// The manual's list of differences from vde_switch, row by row, with the tests that show each difference.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The beginning of each row and the tests that show the row: a file, and text in that file, mostly names of tests. */
const SHOWN: [row: string, ...shown: [file: string, ...names: string[]][]][] = [
  [
    'If an option is unknown',
    ['cli/options.test.ts', 'invalid options'],
    ['cli/failures.test.ts', 'a missing parent of the control directory'],
    ['cli/compat.test.ts', 'options that vde_switch tolerates'],
  ],
  ['--help exits with 0', ['cli/help.test.ts', '%s shows every option by subject']],
  [
    '--numports n and port/setnumports',
    ['interop/console.test.ts', 'function forVdeSwitch', 'more than 65535 ports are refused'],
  ],
  [
    'With --daemon',
    ['cli/daemon.test.ts', 'a hundred daemons'],
    ['cli/failures.test.ts', 'a pid file of a live switch stops the start, and a stale pid file is replaced'],
  ],
  [
    'A control directory that contains other files',
    ['interop/permissions.test.ts', 'a directory that holds other files keeps its permissions and stays'],
    [
      'control/clients.test.ts',
      'a foreign file with the name of a data socket stays, and the client gets the next name',
    ],
    ['cli/failures.test.ts', 'a path too long for a socket stops the start'],
  ],
  [
    'A request may arrive in several pieces',
    [
      'interop/protocol.test.ts',
      'a request in two segments is granted',
      'a silent client and half a request are refused once their time is over',
      'a request with %s ends the stream, logs one line and leaves nothing behind',
      'more bytes after the request disconnect the client and free its port',
    ],
    ['control/clients.test.ts', 'repeated refusals do not fill the log'],
  ],
  [
    "The kernel, not the client, names the client's user",
    [
      'interop/protocol.test.ts',
      "a request that names another user's data socket is refused",
      'a client without an address can send, and frames for it are dropped and counted',
    ],
    ['interop/access.test.ts', 'a client with an abstract address is identified by the uid that the kernel reports'],
  ],
  [
    'SIGHUP runs declarative commands',
    ['cli/service.test.ts', 'SIGHUP replays only the declarations of the rc file'],
    ['interop/plugins.test.ts', 'iplog of %s continues in a new file at SIGHUP'],
  ],
  [
    'If nothing reads standard output',
    ['cli/life.test.ts', 'full pipes on stdout and stderr delay neither clients, frames nor shutdown'],
  ],
  ['A session whose client reads slowly', ['console/session.test.ts', 'a client that reads late gets every reply']],
  ['/proc/PID/exe is Node', ['cli/compat.test.ts', 'the executable is Node']],
  [
    'As a background job',
    ['cli/job-control.test.ts', 'a switch in the background forwards while the terminal is used'],
    ['cli/life.test.ts', 'SIGQUIT cleans up and ends the switch by the signal'],
  ],
  [
    'Frames have 14 to 65535 bytes',
    ['conformance.ts', 'random frames, attached and detached ports give the same frames as the reference'],
    ['interop/clients.test.ts', 'frames of all sizes cross a %s in both directions unchanged'],
  ],
  [
    'VLANs 1 to 4094 can be created',
    ['interop/console.test.ts', 'VLAN 4094 can be created', 'VLAN 0 cannot be removed', 'vlan/allprint takes VLAN 0'],
    ['interop/console.test.ts', 'vlan/print shows the ports of a hub, where vde_switch shows none'],
    ['conformance.ts', 'random VLANs, members and tags give the same frames as the reference'],
  ],
  [
    'When a port leaves a VLAN',
    ['../native/test/vlan_test.cc', 'a port that leaves a VLAN loses its addresses in that VLAN, and no others'],
  ],
  [
    'Frames for a slow client are queued',
    ['interop/clients.test.ts', 'a stopped client does not slow the others, and its drops are counted'],
  ],
  [
    'A client that connects does not change the MAC table',
    ['interop/console.test.ts', 'a plug that disconnects forgets only its own addresses, where vde_switch forgets all'],
    ['../native/test/mac_table_test.cc', 'a full table evicts the oldest address'],
  ],
  [
    'An address that is seen on another port moves there at once',
    [
      'interop/console.test.ts',
      'an address that is seen on another port moves at once, where vde_switch waits for a silence',
    ],
    [
      '../native/test/mac_table_test.cc',
      'an address that flaps between two ports stays where it was first until its window is over',
    ],
    [
      '../native/test/loop_test.cc',
      "each kind of move event comes at most once a second, and no flapping address hides another's move",
    ],
  ],
  [
    'Console commands must be written in full',
    [
      'interop/console.test.ts',
      'a longer name is not taken for a command',
      'two commands in one write get two replies',
      'a leading zero does not make a number octal',
    ],
    ['interop/console.test.ts', 'a word that is not a number is refused', 'an empty line of a script is skipped'],
    ['console/session.test.ts', 'a line of %i bytes is refused once', 'each reply is followed by the prompt'],
    ['console/commands.test.ts', "a client's description cannot end the line"],
  ],
  [
    'hash/find shows the port number',
    [
      'interop/console.test.ts',
      'hash/find names the port of the address',
      'port/print shows the current and the permitted user',
    ],
  ],
  ['No number or uid', ['interop/console.test.ts', 'commands that end vde_switch get a reply']],
  [
    'debug/del with a category',
    ['interop/console.test.ts', 'debug/del of a category that debug/list does not show is invalid'],
  ],
  ['load accepts regular files', ['console/commands.test.ts', 'load reads a directory as empty, refuses a pipe']],
  [
    'A control directory that users other than its owner may write to',
    ['control/directory.test.ts', 'is sticky: a client cannot replace ctl'],
    ['interop/permissions.test.ts', "only tsvde's shared directories are sticky"],
  ],
  [
    'The clients of one user other than root',
    ['control/quotas.test.ts', 'is refused beyond its limit, and nobody else is'],
  ],
  [
    'Users of the management socket other than root',
    ['console/levels.test.ts', 'has the level change by default', 'started as vde_switch, lets all who may connect'],
  ],
  [
    'port/epclose of an endpoint',
    ['interop/console.test.ts', 'port/epclose of an unknown endpoint reports no lost endpoint'],
  ],
  [
    'Spanning tree stores, for each port',
    [
      'fstp/rules.test.ts',
      'a worse offer on the root port replaces its last one, and the best offer of all ports wins',
    ],
    ['fstp/garbage.test.ts', 'an offer beyond the limits is ignored'],
    ['fstp/topologies.test.ts', 'bonus'],
    ['../native/test/vlan_test.cc', 'a truncated BPDU is dropped'],
  ],
  ['If no plugin is loaded, plugin/list', ['console/plugins.test.ts', 'with no plugin loaded, plugin/list shows']],
  ['plugin/add accepts only', ['interop/console.test.ts', 'a plugin of any other name is invalid']],
  [
    'Stopping or unloading a plugin',
    [
      'interop/plugins.test.ts',
      'a plugin that stops leaves the others as they are',
      'a file that is not regular is refused',
      'iplog reads tagged frames',
    ],
    ['interop/plugins.test.ts', 'a capture file that cannot be opened changes nothing'],
    ['console/plugins.test.ts', 'pdump/active 1 does not truncate the capture of an earlier pdump'],
  ],
  ["The banner's version", ['console/commands.test.ts', 'a session starts with the greeting of vde_switch']],
];

/** Returns the rows of the section as text. */
function rows(): string[] {
  const page = readFileSync(`${root}man/tsvde.1`, 'utf8');
  const [, section] = /^\.Sh COMPATIBILITY\n([\s\S]*?)^\.El$/m.exec(page)!;
  const [, ...items] = section!.split(/^\.It\n/m);
  return items.map((item) =>
    item
      .replace(/^\.Fl (\S+)(?: Ar (\S+))?/gm, '-$1 $2')
      .replace(/^\.(?:Ic|Dv|Pa) /gm, '')
      .replace(/\s+/g, ' ')
      .trim(),
  );
}

test('each row of COMPATIBILITY is shown by tests, and each of these tests exists', () => {
  const found = rows();
  expect(found.map((row) => SHOWN.find(([start]) => row.startsWith(start))?.[0] ?? `nothing shows: ${row}`)).toEqual(
    SHOWN.map(([start]) => start),
  );
  for (const [row, ...shown] of SHOWN)
    for (const [file, ...names] of shown) {
      const text = readFileSync(`${root}test/${file}`, 'utf8');
      for (const name of names) expect(text, `${row}: ${file}`).toContain(name);
    }
});

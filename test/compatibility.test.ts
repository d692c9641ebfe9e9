// The manual's list of differences from vde_switch, row by row, with the tests that show each: none is without.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** How a row begins, and where it is shown: a file, and names of tests or of their rows in it. */
const SHOWN: [row: string, ...shown: [file: string, ...names: string[]][]][] = [
  [
    'An unknown option',
    ['cli/options.test.ts', 'refused'],
    ['cli/failures.test.ts', 'no place for the directory'],
    ['cli/compat.test.ts', 'what vde_switch forgives'],
  ],
  ['--help exits with 0', ['cli/help.test.ts', '%s shows every option by subject']],
  ['--numports n and port/setnumports', ['interop/console.test.ts', 'function forTheirs', 'no more than 65535 ports']],
  [
    '--daemon returns when',
    ['cli/daemon.test.ts', 'a hundred daemons'],
    [
      'cli/failures.test.ts',
      'a pid file that a live process holds is left to it; one whose process is gone is replaced',
    ],
  ],
  [
    'A directory that holds other things',
    ['interop/rights.test.ts', 'a directory that holds other things'],
    ['control/clients.test.ts', 'a name that is in the way of a data socket stays, and the client gets the next'],
    ['cli/failures.test.ts', 'a path that is too long for a socket'],
  ],
  [
    'A request may come in several pieces',
    [
      'interop/protocol.test.ts',
      'a request in two segments',
      'silence and half a request, once the time for them is over',
      'requests that are refused: the stream ends, one log line says why, nothing is left',
      'more bytes after the request end the client',
    ],
    ['control/clients.test.ts', 'who is refused again and again does not fill the log'],
  ],
  [
    "A client's user is the one",
    ['interop/protocol.test.ts', "somebody else's data socket", 'no address at all: the client can send'],
    ['interop/access.test.ts', 'a client with an abstract address is who the kernel says, too'],
  ],
  [
    'SIGHUP reads the rc file',
    ['cli/service.test.ts', 'SIGHUP reads again what the rc file declares'],
    ['interop/plugins.test.ts', 'iplog: at SIGHUP %s goes on in a new file'],
  ],
  [
    'Nobody need read',
    ['cli/life.test.ts', 'full: clients join, frames move, and it ends'],
    ['console/session.test.ts', 'a client that does not read gets every reply once it does'],
  ],
  ['/proc/PID/exe is Node', ['cli/compat.test.ts', 'its executable is Node']],
  [
    'Frames have 14 to 65535 bytes',
    ['conformance.ts', 'random frames, joins and leaves agree with the reference'],
    ['interop/clients.test.ts', 'frames of all sizes go both ways unchanged'],
  ],
  [
    'VLANs 1 to 4094 can be created',
    ['interop/console.test.ts', 'a VLAN that theirs cannot have', 'VLAN 0, which theirs can lose', 'VLAN 0 by itself'],
    ['interop/console.test.ts', 'in a hub, vlan/print shows the ports; theirs none'],
    ['conformance.ts', 'random VLANs, members and tags agree with the reference'],
  ],
  ['A port that leaves a VLAN', ['../native/test/vlan_test.cc', 'who leaves a VLAN takes the addresses it had there']],
  ['A slow client has a queue', ['interop/clients.test.ts', 'one that is stopped does not slow the others']],
  [
    'A client that joins changes nothing',
    ['interop/console.test.ts', 'a plug that leaves takes only its own addresses along'],
    ['../native/test/mac_table_test.cc', 'full'],
  ],
  [
    'Console commands are whole names',
    ['interop/console.test.ts', 'whole names only', 'two commands in one write', 'no octal numbers'],
    ['interop/console.test.ts', 'a number that is none', 'an empty line of a script is a command of theirs'],
    ['console/session.test.ts', 'a line of %i bytes is refused once', 'each reply is followed by the prompt'],
    ['console/commands.test.ts', "a client's words cannot end the line"],
  ],
  [
    'hash/find names the port itself',
    ['interop/console.test.ts', 'hash/find names the port, and not the next one', 'port/print shows both users'],
  ],
  ['No number and no uid ends', ['interop/console.test.ts', 'what ends theirs']],
  ['debug/del of a kind', ['interop/console.test.ts', 'kinds that are not shown']],
  ['load takes regular files', ['console/commands.test.ts', 'a directory reads as nothing; a pipe is refused']],
  ['port/epclose of an endpoint', ['interop/console.test.ts', 'port/epclose of an endpoint that is not there']],
  [
    'In spanning tree the best offer',
    ['fstp/rules.test.ts', 'the worse word of the root port counts, and of the others the best is next'],
    ['fstp/garbage.test.ts', 'an offer beyond the bounds is none'],
    ['fstp/topologies.test.ts', 'bonus'],
    ['../native/test/vlan_test.cc', 'a BPDU that was cut is dropped'],
  ],
  ['plugin/add of anything', ['interop/console.test.ts', 'any other library']],
  [
    'A plugin that stops or goes',
    ['interop/plugins.test.ts', 'one that stops leaves the others as they are', 'regular files only', 'tagged frames'],
    ['interop/plugins.test.ts', 'a file that cannot be opened: theirs is named from then on'],
  ],
  ["The banner's version", ['console/commands.test.ts', 'is greeted as vde_switch greets']],
];

/** The rows as text. */
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

test('each row of COMPATIBILITY is shown by tests, and each of these is there', () => {
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

// Replies that say what is wrong: only sessions that ask for them get them, and the reply's code stays the same.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ConsoleClient, serveConsole } from '../support/console.ts';
import { network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function twoSessions(): Promise<[ConsoleClient, ConsoleClient]> {
  const { connect } = await serveConsole(await network());
  return [await connect(), await connect()];
}

test.each([
  ['port/create 99', '1022 Invalid argument', '1022 port 99 is not one of 1 to 32 (EINVAL)'],
  ['port/remove 3', '1006 No such device or address', '1006 there is no port 3 (ENXIO)'],
  [
    'prot/print 3',
    '1038 Function not implemented',
    "1038 there is no command 'prot/print'; did you mean 'port/print'? (ENOSYS)",
  ],
  ['vlan', '1038 Function not implemented', "1038 there is no command 'vlan'; help vlan lists the commands (ENOSYS)"],
  ['port/attach tap,ifnam=x', '1022 Invalid argument', "1022 tap has no key 'ifnam'; did you mean 'ifname'? (EINVAL)"],
  [
    'port/attach \x1b[2J',
    '1022 Invalid argument',
    /^1022 there is no kind of port '\\x1b\[2J'; there are .* \(EINVAL\)$/,
  ],
  ['port/showinfo', /\n1000 Success$/, /\n1000 Success$/],
])('%j', async (line, plain, explained) => {
  const [asks, other] = await twoSessions();
  expect(await asks.ask('explain 1')).toBe('1000 Success\n');
  const matching = (what: string | RegExp) => (typeof what === 'string' ? what : expect.stringMatching(what));
  expect((await asks.ask(line)).trimEnd()).toEqual(matching(explained));
  expect((await other.ask(line)).trimEnd()).toEqual(matching(plain));
  await asks.ask('explain 0');
  expect((await asks.ask(line)).trimEnd()).toEqual(matching(plain));
});

test('a script that an explained session loads is explained too, and explain has no effect in a script', async () => {
  const [asks, other] = await twoSessions();
  const file = `${temporaryDirectory()}/script`;
  writeFileSync(file, 'explain 1\nport/create 99\n');
  await asks.ask('explain 1');
  expect(await asks.ask(`load ${file}`)).toContain('port/create 99\n1022 port 99 is not one of 1 to 32 (EINVAL)\n');
  expect(await other.ask(`load ${file}`)).toContain('port/create 99\n1022 Invalid argument\n');
  expect(await other.ask('port/create 99')).toBe('1022 Invalid argument\n');
});

test('explain changes only the code line of a JSON reply', async () => {
  const [asks, other] = await twoSessions();
  await asks.ask('explain 1');
  const [explained, plain] = [await asks.ask('json port/create 99'), await other.ask('json port/create 99')];
  expect(explained).toBe(plain.replace('1022 Invalid argument', '1022 port 99 is not one of 1 to 32 (EINVAL)'));
});

test('the reason why a port is not attached is either in the reply or in the log', async () => {
  const { connect, log } = await serveConsole(await network());
  const client = await connect();
  await client.ask('port/attach tab');
  expect(log).toEqual([expect.stringMatching(/^port\/attach: there is no kind of port 'tab'/)]);
  await client.ask('explain 1');
  expect(await client.ask('port/attach tab')).toContain("1022 there is no kind of port 'tab'");
  expect(log).toHaveLength(1);
});

test.each(['explain', 'explain 2', 'explain on'])('%s is invalid', async (line) => {
  const [client] = await twoSessions();
  expect(await client.ask(line)).toBe('1022 Invalid argument\n');
});

// Programs that talk to a running switch: the commands they write, the patterns they expect in the replies, and clients
// with their own implementation of the protocol.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, padded, Recorder } from '../support/network.ts';
import { compat, endPid, run, start } from '../support/process.ts';
import { JOIN } from '../support/python.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const vdeSwitch = compat('vde_switch');
/** Our own group. Virtualbricks names the group `users` instead, but not every user is a member of that group. */
const OWN_GROUP = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();

test('Virtualbricks sees one prompt on stdout for each command on stdin', async () => {
  const home = temporaryDirectory();
  const options = [
    '-n',
    '32',
    '-F',
    '--macaddr',
    '00:aa:bb:cc:dd:01',
    '-m',
    '660',
    '-g',
    OWN_GROUP,
    '--priority',
    '4096',
  ];
  const sockets = ['--mgmtmode', '660', '--mgmtgroup', OWN_GROUP, '-s', `${home}/X.ctl`, '-M', `${home}/X.mgmt`];
  const started = start(vdeSwitch, [...options, ...sockets]);
  await until(() => accepts(`${home}/X.mgmt`), 'the console');
  const commands = ['fstp/setfstp 0', 'fstp/setfstp 1', 'port/sethub 1', 'port/sethub 0', 'port/setnumports 20'];
  for (const [i, command] of commands.entries()) {
    started.stdin.write(`${command}\n`);
    await until(
      () => [...started.stdout().matchAll(/^vde(?:\[[^\]]*\]:|\$) /gm)].length === i + 1,
      `the prompt after ${command}`,
    );
  }
  expect(started.stdout().match(/1\d{3} .*/g)).toEqual(commands.map(() => '1000 Success'));
  started.signal('SIGTERM');
  expect(await started.exited).toEqual({ code: 0, signal: null });
  expect(existsSync(`${home}/X.ctl`)).toBe(false);
});

/** Sends a command on a connection of its own and reads up to the next prompt, as the Go code of Kathará does. */
async function kathara(management: string, command: string): Promise<string> {
  const socket = createConnection(management);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const reply = () => {
    const [, ...replies] = text.split('\nvde$ ');
    return replies.length === 2 && replies[1] === '' ? replies[0]! : undefined;
  };
  await until(() => text.endsWith('\nvde$ '), 'a prompt');
  socket.write(`${command}\n`);
  const said = await until(reply, () => `a reply to ${command}, after ${text}`);
  socket.destroy();
  return said;
}

test("Kathará's managed fork gets the codes that it accepts, and its graders find their patterns", async () => {
  const lab = temporaryDirectory();
  const management = `${lab}/mgmt`;
  const line = ['-n', '65535', '-d', '-s', `${lab}/ctl`, '-p', `${lab}/pid`, '-M', management];
  expect(await run(vdeSwitch, line)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  atEnd(async () => endPid(Number((await run('cat', [`${lab}/pid`])).stdout), 'SIGKILL'));
  chmodSync(management, 0o666);
  const ask = (command: string) => kathara(management, command);
  expect(await ask('port/createauto')).toMatch(/\nPort 0001\n\.\n1000 Success\n$/);
  expect(await ask('port/create 7')).toBe('1000 Success\n');
  expect(await ask('vlan/create 10')).toBe('1000 Success\n');
  expect(await ask('vlan/create 10')).toMatch(/^1017 /);
  expect(await ask('vlan/delport 11 7')).toMatch(/^1006 /);
  expect(await ask('port/setvlan 7 10')).toBe('1000 Success\n');
  expect(await ask('vlan/addport 10 1')).toBe('1000 Success\n');
  const machine = await Recorder.join(`${lab}/ctl`, { port: 7, description: 'kathara pc1:eth0' });
  expect(await ask('port/remove 7')).toMatch(/^1098 /);
  const ports = await ask('port/allprint');
  const heads = [...ports.matchAll(/^Port (\d+) untagged_vlan=(\d+) (IN)?ACTIVE/gm)].map((found) => found.slice(1));
  expect(heads).toEqual([
    ['0001', '0000', 'IN'],
    ['0007', '0010', undefined],
  ]);
  expect(/-- endpoint ID \d+ module [^:]*: (.*?)$/m.exec(ports)?.[1]).toBe('kathara pc1:eth0');
  expect(await ask('vlan/allprint')).toMatch(/^VLAN 0010\n -- Port 0001 tagged=1 .*\n -- Port 0007 tagged=0 /m);
  machine.plug.close();
  await until(async () => /^1000 /.test(await ask('port/remove 7')), 'port 7 to be free');
  expect(await ask('port/remove 7')).toMatch(/^1006 /);
});

/** The client of dynamips: a named socket, version 3, no description, each frame sent by sendto. */
const DYNAMIPS = `${JOIN}
import sys
ctl, local = sys.argv[1:]
data = data_socket(local)
control, reply = ask(ctl, local)
remote = address_in(reply)
print('joined', len(reply), flush=True)
while True:
    frame = data.recv(4096)
    if frame[12:14] == bytes.fromhex('88b5'): data.sendto(frame[6:12] + bytes.fromhex('0200000000dd') + frame[12:], remote)
`;

describeWith(['python3'], 'dynamips', () => {
  test('a client can join by the path of the ctl socket and exchange frames', async () => {
    const home = temporaryDirectory();
    start(vdeSwitch, ['-s', `${home}/vde2_x.ctl`]);
    await until(() => accepts(`${home}/vde2_x.ctl/ctl`), 'ctl');
    const client = start('python3', ['-c', DYNAMIPS, `${home}/vde2_x.ctl/ctl`, `${home}/local`]);
    await client.output(/joined 110/);
    const plug = await Recorder.join(`${home}/vde2_x.ctl`);
    for (const size of [60, 1514]) {
      plug.send(frame(BROADCAST, '02:00:00:00:00:01', size, size));
      await plug.receives(padded(frame('02:00:00:00:00:01', '02:00:00:00:00:dd', size, size)));
    }
  });
});

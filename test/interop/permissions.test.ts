// Modes and owners of the files that the switch creates, compared with vde_switch started with the same options.
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ListenOptions, Plug, type PlugOptions, Switch } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { listens, startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

function permissionsOf(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

async function joined(directory: string) {
  const join = async (options?: PlugOptions) => {
    const plug = await Plug.connect(directory, options);
    atEnd(() => plug.close());
    return plug.switchPath;
  };
  const [data, portZero] = [await join(), await join({ port: 0 })];
  // vde_switch replies to a client before it sets the mode of the client's socket, and serves one client at a time.
  await join();
  return {
    directory: permissionsOf(directory),
    ctl: permissionsOf(`${directory}/ctl`),
    data: permissionsOf(data),
    portZero: permissionsOf(portZero),
  };
}

describeWith(['vde_switch', 'root'], 'permissions compared with vde_switch', () => {
  const octal = (mode: number) => mode.toString(8);
  test.each([
    [{}],
    [{ mode: 0o660 }],
    [{ mode: 0o666 }],
    [{ mode: 0o777 }],
    [{ mode: 0o640 }],
    [{ mode: 0o604 }],
    [{ dirMode: 0o755 }],
    [{ dirMode: 0o2770 }],
    [{ dirMode: 0o700 }],
    [{ mode: 0o660, dirMode: 0o750 }],
    [{ mode: 0o660, group: 'daemon' }],
    [{ group: 'daemon' }],
    [{ portZeroMode: 0o660 }],
    [{ portZeroMode: 0o604, mode: 0o666 }],
    [{ portZeroMode: 0o600, mode: 0o660, group: 'daemon' }],
    [{ portZeroMode: 0o660, portZeroGroup: 'daemon' }],
    [{ portZeroGroup: 'daemon', mode: 0o666, group: 'bin' }],
  ] as Omit<ListenOptions, 'directory'>[][])('the options %o give the same modes and owners', async (options) => {
    // vde_switch sets a mode for port 0 even if none is asked for.
    const { mode, dirMode, group, portZeroMode = 0o600, portZeroGroup } = options!;
    const [theirs, ours] = [`${temporaryDirectory()}/ctl`, `${temporaryDirectory()}/ctl`];
    await startVdeSwitch(theirs, [
      ...(mode === undefined ? [] : ['-m', octal(mode)]),
      ...(dirMode === undefined ? [] : ['--dirmode', octal(dirMode)]),
      ...(group === undefined ? [] : ['-g', group]),
      '--mgmtmode',
      octal(portZeroMode),
      ...(portZeroGroup === undefined ? [] : ['--mgmtgroup', portZeroGroup]),
    ]);
    const sw = new Switch();
    atEnd(() => sw.close());
    await sw.listen({ directory: ours, ...options, portZeroMode });
    const expected = await joined(theirs);
    const [bits, owner] = expected.directory.split(' ');
    const shared = Number.parseInt(bits!, 8) & 0o022 ? 0o1000 : 0; // only tsvde's shared directories are sticky
    const directory = `${octal(Number.parseInt(bits!, 8) | shared)} ${owner}`;
    expect(await joined(ours)).toEqual({ ...expected, directory });
  });
});

describeWith(['vde_switch', 'root', 'setpriv'], 'vde_switch of another user', () => {
  test('a vde_switch without root can send to the socket of a Plug', async () => {
    const home = temporaryDirectory();
    chownSync(home, 65534, 65534);
    const directory = `${home}/ctl`;
    const theirs = start('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'vde_switch',
      '-s',
      directory,
    ]);
    await until(
      () => listens(`${directory}/ctl`),
      () => `vde_switch, whose stderr is ${theirs.stderr()}`,
    );
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
  });
});

describeWith(['root'], 'a directory that holds other files', () => {
  test('a directory that holds other files keeps its permissions and stays', async () => {
    const home = temporaryDirectory();
    const other = `${home}/a-file-of-somebody`;
    writeFileSync(other, '');
    chownSync(home, 0, 1);
    const before = permissionsOf(home);
    const sw = new Switch();
    await sw.listen({ directory: home, mode: 0o666 });
    expect(permissionsOf(home)).toBe(before);
    expect(permissionsOf(`${home}/ctl`)).toBe('666 0:0');
    await sw.close();
    expect(permissionsOf(home)).toBe(before);
  });
});

// Modes and owners of what the switch makes, against vde_switch's, started with the same options.
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Plug, Switch } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { listens, startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

function rightsOf(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

async function joined(directory: string) {
  const plug = await Plug.connect(directory);
  atEnd(() => plug.close());
  return { directory: rightsOf(directory), ctl: rightsOf(`${directory}/ctl`), data: rightsOf(plug.switchPath) };
}

describeWith(['vde_switch', 'root'], 'like vde_switch', () => {
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
  ] as { mode?: number; dirMode?: number; group?: string }[][])('%o', async (options) => {
    const { mode, dirMode, group } = options!;
    const [theirs, ours] = [`${temporaryDirectory()}/ctl`, `${temporaryDirectory()}/ctl`];
    await startVdeSwitch(theirs, [
      ...(mode === undefined ? [] : ['-m', octal(mode)]),
      ...(dirMode === undefined ? [] : ['--dirmode', octal(dirMode)]),
      ...(group === undefined ? [] : ['-g', group]),
    ]);
    const sw = new Switch();
    atEnd(() => sw.close());
    await sw.listen({ directory: ours, ...options });
    expect(await joined(ours)).toEqual(await joined(theirs));
  });
});

describeWith(['vde_switch', 'root', 'setpriv'], 'a switch of another user, who is not root', () => {
  test('can send to a plug of ours, whose socket it is let into', async () => {
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
      () => `vde_switch, which says ${theirs.stderr()}`,
    );
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    a.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await b.receives(frame(BROADCAST, '02:00:00:00:00:01'));
  });
});

describe('a directory that holds other things', () => {
  test('keeps its rights and stays', async () => {
    const home = temporaryDirectory();
    const other = `${home}/a-file-of-somebody`;
    writeFileSync(other, '');
    chownSync(home, 0, 1);
    const before = rightsOf(home);
    const sw = new Switch();
    await sw.listen({ directory: home, mode: 0o666 });
    expect(rightsOf(home)).toBe(before);
    expect(rightsOf(`${home}/ctl`)).toBe('666 0:0');
    await sw.close();
    expect(rightsOf(home)).toBe(before);
  });
});

// Users who open many sessions.
import { chmodSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { until } from '../support/wait.ts';

const [USER, OTHER] = [65534, 65533];
const MOST = 128;

describeWith(['root'], 'a user who is neither root nor the owner of the switch', () => {
  test('has at most 128 sessions, which keep nobody else out', async () => {
    const { path, log, connect: join } = await serveConsole(await network(), 0o666);
    chmodSync(dirname(path), 0o755);
    const open = (uid: number): Socket => {
      process.seteuid!(uid); // the kernel records the user at connect(2), which connect() calls at once
      const socket = connect(path).resume();
      process.seteuid!(0);
      atEnd(() => socket.destroy());
      return socket.on('error', () => {});
    };
    const sessions = Array.from({ length: MOST + 40 }, () => open(USER));
    await until(() => sessions.filter(({ closed }) => closed).length === 40, 'forty refusals');
    expect(log).toHaveLength(20);
    expect(log[0]).toBe(`refused a console session: uid ${USER} has ${MOST}, as many as a user may have`);
    for (const uid of [OTHER, 0]) expect(await (await join(uid)).ask('ds/showinfo')).toContain('1000 Success');
    sessions.find(({ closed }) => !closed)!.destroy();
    await until(
      async () =>
        !(await join(USER).then(
          ({ ended }) => ended,
          () => true,
        )),
      'room for another session',
    );
    const free = Array.from({ length: MOST + 1 }, () => open(0));
    await until(() => free.every(({ bytesRead }) => bytesRead > 0), 'all sessions of root');
  });
});

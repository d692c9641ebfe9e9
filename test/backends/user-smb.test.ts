// A directory shared by Samba's server: the error without smbd, and the arguments, the settings and the clean-up of
// smbd, which here is a script that prints what it was given.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { run, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { USER_NEEDS, userHost } from '../support/user-network.ts';

afterEach(() => void vi.unstubAllEnvs());

describeWith(['root', 'unshare'], 'smb without smbd', () => {
  test('a missing smbd causes one sentence that names the package', async () => {
    const hidden =
      'for at in /usr/sbin /usr/local/sbin /usr/bin; do [ ! -e $at/smbd ] || mount --bind /dev/null $at/smbd; done';
    const command = `${hidden}; exec ${tsvde} -s ${temporaryDirectory()}/ctl --port user,smb=/tmp`;
    const { code, stderr } = await run('unshare', ['--mount', 'sh', '-c', command]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('user: smb needs smbd, which is not here: install the package samba'),
    });
  });
});

describeWith(USER_NEEDS, 'smb', () => {
  test('each connection starts an smbd that shares the directory and keeps its state in a temporary directory', async () => {
    const bin = temporaryDirectory();
    writeFileSync(`${bin}/smbd`, '#!/bin/sh\necho "$@"\ncat "$4"\n');
    chmodSync(`${bin}/smbd`, 0o755);
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
    const [shared, state] = [`${temporaryDirectory()}/to share`, `${temporaryDirectory()}/it's here`];
    for (const directory of [shared, state]) mkdirSync(directory);
    vi.stubEnv('TMPDIR', state);
    const host = await userHost(`user,smb=${shared},smbserver=10.0.2.9`);
    const guest = host.guest('tap0');
    guest.useAddress('10.0.2.15');
    const [direct, netbios] = [445, 139].map((port) => guest.talk('10.0.2.9', port, ''));
    expect(direct).toBe(netbios);
    const [words = '', ...settings] = direct!.trimEnd().split('\n');
    const [, home = '', file = ''] = /^-l (.+) -s (.+)$/.exec(words) ?? [];
    expect([dirname(file), dirname(home)]).toEqual([home, state]);
    expect(settings).toEqual(expect.arrayContaining([`state directory = ${home}`, `log file = ${home}/log.smbd`]));
    expect(settings.slice(settings.indexOf('[qemu]'))).toEqual([
      '[qemu]',
      `path = ${shared}`,
      'read only = no',
      'guest ok = yes',
      `force user = ${userInfo().username}`,
    ]);
    expect(existsSync(home)).toBe(true);
    expect(await host.ask('port/detach user0')).toContain('1000 Success');
    expect(existsSync(home)).toBe(false);
  });
});

// An sshd for one test, in a namespace and with its own keys, and an `ssh` that knows it by an alias.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Namespace } from './namespace.ts';
import type { Started } from './process.ts';
import { until } from './wait.ts';

export interface SshOptions {
  /** The directory for keys, configuration and the wrapper `bin/ssh`. */
  home: string;
  /** The namespace, address and alias of the server. */
  server: Namespace;
  address: string;
  alias: string;
  /** The PATH of commands run by the server. */
  path: string;
}

/** Starts the server and resolves when it listens. */
export async function startSshd({ home, server, address, alias, path }: SshOptions): Promise<Started> {
  mkdirSync(`${home}/bin`, { recursive: true });
  for (const name of ['host-key', 'user-key'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${home}/${name}`]);
  copyFileSync(`${home}/user-key.pub`, `${home}/authorized`);
  const log = `${home}/sshd.log`;
  writeFileSync(
    `${home}/sshd.conf`,
    [
      `ListenAddress ${address}:22`,
      `HostKey ${home}/host-key`,
      `AuthorizedKeysFile ${home}/authorized`,
      ...['PidFile none', 'StrictModes no', 'UsePAM no', 'PermitRootLogin prohibit-password', 'UseDNS no'],
      ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', `SetEnv PATH=${path}`],
    ].join('\n'),
  );
  writeFileSync(
    `${home}/ssh.conf`,
    [
      `Host ${alias}`,
      `HostName ${address}`,
      'User root',
      `IdentityFile ${home}/user-key`,
      ...['IdentitiesOnly yes', 'BatchMode yes', 'StrictHostKeyChecking yes', `UserKnownHostsFile ${home}/known`],
      ...['ExitOnForwardFailure yes', 'LogLevel ERROR'],
    ].join('\n'),
  );
  const [type, key] = execFileSync('cat', [`${home}/host-key.pub`], { encoding: 'utf8' }).split(' ');
  writeFileSync(`${home}/known`, `${address} ${type} ${key}\n`);
  writeFileSync(`${home}/bin/ssh`, `#!/bin/sh\nexec /usr/bin/ssh -F ${home}/ssh.conf "$@"\n`, { mode: 0o755 });
  // sshd needs the directory /run/sshd: the test mounts a /run of its own.
  const script = `mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f ${home}/sshd.conf`;
  const sshd = server.start('unshare', ['--mount', 'sh', '-c', script]);
  await until(
    () => server.run('sh', '-c', 'ss -Hltn sport = :22').trim() !== '',
    () => `sshd, which says ${sshd.stderr()}${log}`,
  );
  return sshd;
}

// Shares a host directory with guests as \\10.0.2.4\qemu. libslirp starts Samba's server for each connection. The
// server's settings and state are in a temporary directory that we make.
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { isExecutable } from '../../system/executable.ts';
import { refuse } from './network.ts';

/** Directories in which smbd may be but which are often missing from a user's PATH. */
const PLACES = ['/usr/sbin', '/usr/local/sbin'];

/** The ports of SMB over NetBIOS (RFC 1001, 17.2) and over TCP (MS-SMB2, 2.1). */
export const SMB_PORTS = [139, 445] as const;

export interface SmbShare {
  /** The command line that libslirp starts for a connection, with the connection as stdin. */
  command: string;
  close(): void;
}

/** Prepares the share. Throws SwitchError if there is no smbd or the directory cannot be shared. */
export function shareBySmb(directory: string): SmbShare {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...PLACES].filter(isAbsolute);
  const smbd = directories.map((path) => join(path, 'smbd')).find(isExecutable);
  if (smbd === undefined)
    throw new SwitchError('ENOENT', 'user: smb needs smbd, which is not here: install the package samba');
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new SwitchError('ENOENT', `user: smb cannot share '${directory}': ${describeError(error)}`);
  }
  if (/["\n]/.test(directory)) refuse(`smb cannot share '${directory}': its name contains a quote or a newline`);
  const home = mkdtempSync(`${tmpdir()}/tsvde-smb-`);
  writeFileSync(`${home}/smb.conf`, settings(home, directory));
  return {
    command: [smbd, '-l', home, '-s', `${home}/smb.conf`].map(quote).join(' '),
    close: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** Quotes a word for libslirp, which splits the command as a shell does. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function settings(home: string, directory: string): string {
  return [
    '[global]',
    ...['private dir', 'pid directory', 'lock directory', 'state directory', 'cache directory'].map(
      (name) => `${name} = ${home}`,
    ),
    `ncalrpc dir = ${home}/ncalrpc`,
    `log file = ${home}/log.smbd`,
    `smb passwd file = ${home}/smbpasswd`,
    'security = user',
    'map to guest = Bad User',
    'load printers = no',
    'printing = bsd',
    'disable spoolss = yes',
    'usershare max shares = 0',
    '[qemu]',
    `path = ${directory}`,
    'read only = no',
    'guest ok = yes',
    `force user = ${userInfo().username}`,
    '',
  ].join('\n');
}

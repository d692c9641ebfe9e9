// Checks of control directories, console sockets and pid files: what a killed switch left behind, paths that are too
// long, and who may join.
import { accessSync, constants, lstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { checkLength } from '../../control/directory.ts';
import { groupName, userName } from '../../system/accounts.ts';
import { describeError } from '../../system/errno.ts';
import { type Found, ok, wrong } from './finding.ts';
import { namesIn } from './names-in.ts';

const DEFAULT_PORTS = 32;
/** Where control directories and pid files usually are. */
const PLACES = ['/run', '/tmp', process.env.XDG_RUNTIME_DIR].filter((place) => place !== undefined);
const CONNECT_MS = 1000;

/** Returns the control directories of running switches, and those that are left behind in the usual places. */
export function findDirectories(places: readonly string[] = PLACES): string[] {
  const served = [...readFileSync('/proc/net/unix', 'utf8').matchAll(/ (\/.*)\/ctl$/gm)].map(([, path]) => path!);
  const found = places
    .flatMap((place) => namesIn(place).map((name) => join(place, name)))
    .filter((path) => isSocket(`${path}/ctl`));
  return [...new Set([...served, ...found])].filter((path) => isSocket(`${path}/ctl`)).sort();
}

/**
 * Returns the pid files in the usual places that are named after a control directory, or whose names begin with `tsvde`
 * or `vde`.
 */
export function findPidFiles(directories: readonly string[], places: readonly string[] = PLACES): string[] {
  const names = new Set(directories.map((path) => basename(path).replace(/[-.]ctl$/, '')));
  const isOurs = (name: string) => /^(tsvde|vde)[^/]*\.pid$/.test(name) || names.has(name.replace(/\.pid$/, ''));
  return places.flatMap((place) =>
    namesIn(place)
      .filter((name) => name.endsWith('.pid') && isOurs(name))
      .map((name) => join(place, name)),
  );
}

export async function checkDirectory(directory: string): Promise<Found[]> {
  try {
    checkLength(directory, DEFAULT_PORTS);
  } catch (error) {
    return [wrong((error as Error).message, 'give --sock a shorter path')];
  }
  const control = `${directory}/ctl`;
  const found = statOf(directory);
  if (found && !found.isDirectory()) return [wrong(`'${directory}' is not a directory`, 'give --sock another path')];
  if (!found) return [ok(`no switch serves '${directory}', and a switch can be started there`)];
  const socket = statOf(control);
  if (!socket) {
    if (!mayUse(directory, constants.R_OK | constants.X_OK))
      return [wrong(`'${directory}' may not be entered by this user: ${whoMay(found, found)}`, joinRemedy(directory))];
    return [ok(`no switch serves '${directory}'`)];
  }
  const state = await tryToConnect(control);
  if (state === 'ECONNREFUSED')
    return [
      wrong(
        `'${directory}' was left behind by a switch that was killed`,
        `rm -r ${directory}, or start a switch there again, which replaces it`,
      ),
    ];
  const who = `${whoMay(found, socket)} may join`;
  if (state === 'EACCES')
    return [wrong(`a switch serves '${directory}', but this user may not join: ${who}`, joinRemedy(directory))];
  if (state !== undefined)
    return [
      wrong(
        `the switch on '${directory}' does not answer: ${state}`,
        'see its log; end it by its process ID if it hangs',
      ),
    ];
  return [ok(`a switch serves '${directory}'; ${who}`)];
}

function joinRemedy(directory: string): string {
  return `start the switch with --group GROUP --mode 660 and add the user to GROUP, or: chgrp GROUP ${directory} ${directory}/ctl`;
}

export async function checkConsole(path: string): Promise<Found[]> {
  const found = statOf(path);
  if (!found) return [wrong(`there is no console socket '${path}'`, 'start the switch with --mgmt')];
  if (!found.isSocket()) return [wrong(`'${path}' is not a socket`, 'give --mgmt another path')];
  const state = await tryToConnect(path);
  if (state === undefined) return [ok(`a console is served on '${path}'; ${whoMay(undefined, found)} may use it`)];
  if (state === 'ECONNREFUSED')
    return [wrong(`'${path}' was left behind by a switch that was killed`, `rm ${path}, or start the switch again`)];
  return [wrong(`the console on '${path}' cannot be used: ${state}`, 'see tsvde(1), --mgmtmode and --mgmtgroup')];
}

export function checkPidFile(path: string): Found[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return [wrong(`'${path}' cannot be read: ${describeError(error)}`, 'give --pidfile the path of a file')];
  }
  const pid = Number(text);
  if (!(Number.isInteger(pid) && pid > 0)) return [wrong(`'${path}' has no process ID`, `rm ${path}`)];
  if (isAlive(pid)) return [ok(`'${path}' names process ${pid}, which runs`)];
  return [wrong(`'${path}' names process ${pid}, which has ended`, `rm ${path}, or start the switch again`)];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Returns who may connect to a socket: this needs write permission for the socket and, if `directory` is given, search
 * permission for the directory.
 */
function whoMay(directory: Stats | undefined, socket: Stats): string {
  const allows = (read: number, write: number) =>
    (socket.mode & write) !== 0 && (directory === undefined || (directory.mode & read) !== 0);
  if (allows(0o001, 0o002)) return 'every user';
  const owner = `user ${userName(socket.uid)}`;
  if (!allows(0o010, 0o020)) return socket.uid === 0 ? 'only root' : `only ${owner} and root`;
  return `${owner}, group ${groupName(socket.gid)} and root`;
}

/** Resolves with undefined if something listens on the socket, and otherwise with the errno's name. */
function tryToConnect(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (state: string | undefined) => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(CONNECT_MS, () => end('ETIMEDOUT'));
    socket.once('connect', () => end(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket() && mayUse(dirname(path), constants.X_OK);
  } catch {
    return false;
  }
}

function mayUse(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

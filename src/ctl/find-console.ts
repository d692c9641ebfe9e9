// Finds the management sockets of running switches: the listening sockets that a switch's command line names with
// --mgmt. This needs no permissions, unless another user's switch has a relative path there.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';

const SWITCHES = ['tsvde', 'vde_switch'];
/**
 * Matches the line of a listening stream socket in /proc/net/unix: the flags are __SO_ACCEPTCON, the type is
 * SOCK_STREAM.
 */
const LISTENING = /^\S+ \S+ \S+ 00010000 0001 \S+ +(\d+) ([^@].*)$/gm;

/** Returns the paths of all management sockets, each once. */
export function findConsoles(): string[] {
  return [...new Set(readdirSync('/proc').filter(isSwitch).flatMap(consolesOf))].filter(isSocket).sort();
}

function isSwitch(pid: string): boolean {
  return /^\d+$/.test(pid) && SWITCHES.includes(read(pid, 'comm').trimEnd());
}

function consolesOf(pid: string): string[] {
  const names = managementPaths(read(pid, 'cmdline').split('\0'));
  const inodes = socketsOf(pid);
  // Read the process's own list, since it may be in another network namespace than this process.
  return [...read(pid, 'net/unix').matchAll(LISTENING)]
    .filter(([, inode]) => inodes?.has(inode!) ?? true)
    .map(([, , path]) => path!)
    .filter((path) => names.some((name) => path === name || path.endsWith(`/${name}`)))
    .map((path) => resolve('/', path.startsWith('/') ? '' : link(pid, 'cwd'), path));
}

/**
 * Returns the inodes of a process's sockets, or undefined without permission to read them. Without inodes, a socket is
 * found by its name in the command line only.
 */
function socketsOf(pid: string): Set<string> | undefined {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => link(pid, `fd/${fd}`));
    return new Set(links.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  } catch {
    return undefined;
  }
}

/** Returns the paths in `-M PATH`, `-dMPATH`, `--mgmt=PATH`, `-mgmt PATH`, and abbreviations such as `--mg`. */
function managementPaths(words: readonly string[]): string[] {
  const paths = words.flatMap((word, i) => {
    if (/^(-[a-zA-Z]*M|--?mg(mt?)?)$/.test(word)) return words[i + 1] ?? [];
    return /^(?:-[a-zA-Z]*M|--?mg(?:mt?)?=)(.+)$/.exec(word)?.[1] ?? [];
  });
  return paths.map((path) => path.replace(/^(\.\/)+/, ''));
}

/** Returns the text of a file in /proc, or an empty string if the process has ended. */
function read(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Returns the target of a link in /proc, or an empty string without permission to read it. Paths that are wrong as a
 * result are rejected by isSocket().
 */
function link(pid: string, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}

/** Returns whether the path is a socket for this process too: the switch may be in another mount namespace. */
function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

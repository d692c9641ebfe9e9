// The console of a switch that runs here, found without anybody's right or help: of the sockets that are listened on, the one
// that a switch's command line names as such. A switch that was given its sockets by systemd is not found so.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';

const SWITCHES = ['tsvde', 'vde_switch'];
/** __SO_ACCEPTCON, SOCK_STREAM: a line of /proc/net/unix that is listened on. */
const LISTENING = /^\S+ \S+ \S+ 00010000 0001 \S+ +(\d+) ([^@].*)$/gm;

/** Paths of management sockets, each once. */
export function findConsoles(): string[] {
  return [...new Set(readdirSync('/proc').filter(isSwitch).flatMap(consolesOf))].filter(isSocket).sort();
}

function isSwitch(pid: string): boolean {
  return /^\d+$/.test(pid) && SWITCHES.includes(read(pid, 'comm').trimEnd());
}

function consolesOf(pid: string): string[] {
  const named = managementPaths(read(pid, 'cmdline').split('\0'));
  const held = socketsOf(pid);
  // The process's own list: it may be in another network namespace, and so may we.
  return [...read(pid, 'net/unix').matchAll(LISTENING)]
    .filter(([, inode]) => held?.has(inode!) ?? true)
    .map(([, , path]) => path!)
    .filter((path) => named.some((name) => path === name || path.endsWith(`/${name}`)))
    .map((path) => resolve('/', path.startsWith('/') ? '' : link(pid, 'cwd'), path));
}

/** By inode; undefined where we have no right to know, and a name has to do. */
function socketsOf(pid: string): Set<string> | undefined {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => link(pid, `fd/${fd}`));
    return new Set(links.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  } catch {
    return undefined;
  }
}

/** `-M PATH`, `-dMPATH`, `--mgmt=PATH`, `-mgmt PATH`, and less than that of the option's name. */
function managementPaths(words: readonly string[]): string[] {
  const paths = words.flatMap((word, i) => {
    if (/^(-[a-zA-Z]*M|--?mg(mt?)?)$/.test(word)) return words[i + 1] ?? [];
    return /^(?:-[a-zA-Z]*M|--?mg(?:mt?)?=)(.+)$/.exec(word)?.[1] ?? [];
  });
  return paths.map((path) => path.replace(/^(\.\/)+/, ''));
}

/** Nothing, where the process has gone meanwhile. */
function read(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Nothing, where it is not ours to look at: what is wrong with a guess, isSocket() finds. */
function link(pid: string, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}

/** Here too, and for us: it may be in another mount namespace, or where we may not look. */
function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

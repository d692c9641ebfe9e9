// Brings a checkout up to date: installs what package-lock.json names, and builds what is stale. Prints nothing, and takes
// some 50 ms, if there is nothing to do. What npm and the compilers print goes to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, checkout } from './build.mjs';

export const root = checkout;

/** Ends the process with a sentence if it fails. */
export async function setUp() {
  install();
  try {
    await build();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Installs the packages that package-lock.json names, unless they are installed in these versions. */
export function install() {
  const { packages: wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const list = join(root, 'node_modules/.package-lock.json');
  const { packages: installed } = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : { packages: {} };
  // Optional packages are for other machines, too, and need not be here.
  const isThere = ([path, { version, optional }]) =>
    installed[path] ? installed[path].version === version : path === '' || optional;
  if (!Object.entries(wanted).every(isThere)) execute('npm', ['ci', '--no-audit', '--no-fund']);
}

/** Runs a command in the checkout and waits for it, with its output on stderr. Ends the process if the command fails. */
export function execute(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) {
    console.error(`'${command} ${args.join(' ')}' failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
}

/** Runs a command beside others, with its output on stderr. Resolves to its exit code. */
export function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Returns whether a program is on the PATH, or where only root's PATH leads. */
export function hasProgram(name) {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return places.some((place) => existsSync(join(place, name)));
}

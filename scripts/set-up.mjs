// npm run build brings a checkout up to date: it installs the packages in package-lock.json, and builds what is stale.
// If there is nothing to do, it prints nothing and takes about 50 ms. The output of npm and the compilers goes to
// stderr.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, checkout } from './build.mjs';

export const root = checkout;

/** Installs and builds. If that fails, prints a sentence and ends the process. */
export async function setUp() {
  install();
  try {
    await build();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Installs the packages in package-lock.json, unless they are installed in the same versions. */
export function install() {
  const { packages: wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const list = join(root, 'node_modules/.package-lock.json');
  const { packages: installed } = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : { packages: {} };
  // Optional packages may be for other platforms and need not be installed.
  const isThere = ([path, { version, optional }]) =>
    installed[path] ? installed[path].version === version : path === '' || optional;
  if (Object.entries(wanted).every(isThere)) return;
  console.error('--- installing packages');
  // build() compiles the addon, and shows how far it is.
  execute('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
}

/**
 * Runs a command in the checkout and waits for it; its output goes to stderr. Ends the process if the command fails.
 */
export function execute(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) {
    console.error(`'${command} ${args.join(' ')}' failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
}

/** Runs a command without blocking this process; its output goes to stderr. Resolves with the exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Returns whether a program is on the PATH, in a directory that only root's PATH contains, or at an absolute path. */
export function hasProgram(name) {
  if (isAbsolute(name)) return existsSync(name);
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return places.some((place) => existsSync(join(place, name)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUp();

// Brings a checkout up to date: installs what package-lock.json wants, builds what is older than its sources.
// Says nothing, and takes no time, where there is nothing to do. What npm and the compiler say goes to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

export function setUp() {
  if (isOlder('node_modules/.package-lock.json', ['package-lock.json']))
    execute('npm', ['ci', '--no-audit', '--no-fund']);
  if (
    isOlder('native/build/Release/tsvde.node', ['native/engine', 'native/addon', 'native/slirp', 'native/binding.gyp'])
  )
    execute('npm', ['run', 'build:native']);
  if (isOlder('dist/index.js', ['src', 'tsconfig.json'])) execute('npm', ['run', 'build:ts']);
}

/** Runs it to its end, in the checkout, saying what it says on stderr; ends us where it fails. */
export function execute(command, args, options = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) {
    console.error(`'${command} ${args.join(' ')}' failed`);
    process.exit(1);
  }
}

/** Likewise, beside others: resolves to its exit code. */
export function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function isOlder(product, sources) {
  const made = statSync(join(root, product), { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined || sources.some((source) => newest(join(root, source)) > made);
}

function newest(path) {
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(own.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Is the program on the PATH, or where only root's is? */
export function hasProgram(name) {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return places.some((place) => existsSync(join(place, name)));
}

// Trees of files that become packages: copied with fixed modes and times, so that the same commit gives the same bytes.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../set-up.mjs';

export const published = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Runs a command and returns its output. Throws an Error with the command and its messages if it fails. */
export function output(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error) throw new Error(`cannot run ${command}: ${error.message}`);
  if (status !== 0) throw new Error(`'${command} ${args.join(' ')}' failed:\n${stdout}${stderr}`);
  return stdout;
}

/** Returns the time of the commit in seconds, or SOURCE_DATE_EPOCH (reproducible-builds.org). */
export function sourceDate() {
  return process.env.SOURCE_DATE_EPOCH || commit('%ct', 'set SOURCE_DATE_EPOCH to the time of the release in seconds');
}

/** Returns what `format` of git-log(1) names of the commit. `remedy` says what to do where there is no git. */
export function commit(format, remedy) {
  try {
    return output('git', ['log', '-1', `--format=${format}`]).trim();
  } catch {
    throw new Error(`without git, ${remedy}`);
  }
}

/** Writes a file and the directories above it. */
export function write(path, content, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

/**
 * Copies a file or a directory. The executable bits stay; other permissions become those of a package.
 * Names in a directory that begin with a dot are left out.
 */
export function copy(from, to) {
  if (statSync(from).isDirectory()) {
    for (const name of readdirSync(from).filter((name) => !name.startsWith('.')))
      copy(join(from, name), join(to, name));
    return;
  }
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, statSync(from).mode & 0o100 ? 0o755 : 0o644);
}

/** Gives everything in a tree the time of the commit, and directories the permissions of a package. */
export function settle(tree) {
  const stat = lstatSync(tree);
  if (stat.isDirectory()) {
    for (const name of readdirSync(tree)) settle(join(tree, name));
    chmodSync(tree, 0o755);
  }
  lutimesSync(tree, Number(process.env.SOURCE_DATE_EPOCH), Number(process.env.SOURCE_DATE_EPOCH));
}

// The pid file. An existing pid file is replaced only if it is empty, or if the process that it names has ended or is
// this one. A pid file is removed only while it contains our process ID.
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { randomBytes } from '../system/random.ts';

/**
 * Writes the pid file and returns a function that removes it. Throws ExitError 1 if the file cannot be created, or if
 * it exists and is not the pid file of a dead process.
 */
export function writePidFile(path: string): () => void {
  const content = `${process.pid}\n`;
  try {
    install(path, content);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isThere ? `${describeError(error)}, and is not the pid file of a dead process` : describeError(error);
    throw new ExitError(1, `Error in pidfile creation: '${path}': ${why}`);
  }
  return () => {
    if (read(path) === content) rmSync(path, { force: true });
  };
}

/**
 * Writes a draft and then moves it into place. So readers see a complete number or no file, and a symbolic link planted
 * under the file's name is never written through.
 */
function install(path: string, content: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o644);
  try {
    writeFileSync(file, content);
    if (isStale(path)) renameSync(draft, path);
    else linkSync(draft, path);
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
}

function isStale(path: string): boolean {
  const content = read(path);
  if (content === undefined) return false;
  if (content.trim() === '') return true; // the process that created it died before writing its ID
  const pid = /^\s*(\d+)\s*$/.exec(content)?.[1];
  return pid !== undefined && !isOtherProcess(Number(pid));
}

/** Returns whether another live process has this ID. Threads and zombies do not count. */
function isOtherProcess(pid: number): boolean {
  if (pid === process.pid || pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return true; // /proc's mount options hide the process from us
  return new RegExp(`^Tgid:\\s+${pid}$`, 'm').test(status) && !/^State:\s+[ZX]/m.test(status);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

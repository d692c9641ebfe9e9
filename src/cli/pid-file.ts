// The pid file: made only where there is none, or where the process that it names is gone; removed only while it is ours.
import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';

/** Throws ExitError 1 when the process that it names lives, or when the file is something else. Returns what removes it. */
export function writePidFile(path: string): () => void {
  const content = `${process.pid}\n`;
  try {
    place(path, content);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isThere ? `${describeError(error)}, and is not that of a dead process` : describeError(error);
    throw new ExitError(1, `Error in pidfile creation: '${path}': ${why}`);
  }
  return () => {
    if (read(path) === content) rmSync(path, { force: true });
  };
}

/** By a draft: whoever polls the file sees a whole number, or no file. No name that could be put there before is written through. */
function place(path: string, content: string): void {
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
  if (content.trim() === '') return true; // its writer died before the number was in it
  const pid = /^\s*(\d+)\s*$/.exec(content)?.[1];
  return pid !== undefined && !isOthers(Number(pid));
}

/** Does another process live by that number? A thread is none, nor is one that is dead and not yet waited for. */
function isOthers(pid: number): boolean {
  if (pid === process.pid || pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return true; // not ours to look at
  return new RegExp(`^Tgid:\\s+${pid}$`, 'm').test(status) && !/^State:\s+[ZX]/m.test(status);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

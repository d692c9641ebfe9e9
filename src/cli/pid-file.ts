// The pid file: made only where there is none, or where the switch that wrote it is gone; removed only while it is ours.
import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { describeError } from '../errno.ts';
import { ExitError } from './exit-error.ts';

/** Throws ExitError 1 when a switch that lives holds it, or when the file is something else. Returns what removes it. */
export function writePidFile(path: string): () => void {
  const content = `${process.pid}\n`;
  try {
    if (isStale(path)) unlinkSync(path);
    writeFileSync(path, content, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    throw new ExitError(1, `Error in pidfile creation: '${path}': ${describeError(error)}`);
  }
  return () => {
    if (read(path) === content) rmSync(path, { force: true });
  };
}

function isStale(path: string): boolean {
  const content = read(path);
  if (content === undefined) return false;
  if (content.trim() === '') return true; // its writer died before the number was in it
  const pid = /^\s*(\d+)\s*$/.exec(content)?.[1];
  return pid !== undefined && !isSwitch(Number(pid));
}

/** A pid is used again by other programs: only one that looks like a switch keeps its file. */
function isSwitch(pid: number): boolean {
  if (pid === process.pid) return false;
  return /tsvde|vde_switch/.test(read(`/proc/${pid}/cmdline`) ?? '');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

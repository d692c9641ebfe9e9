// The pid file: made only where there is none, or where the switch that wrote it is gone; removed only while it is ours.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describeError } from '../errno.ts';
import { ExitError } from '../exit-error.ts';

/** Throws ExitError 1 when a switch that lives holds it, or when the file is something else. Returns what removes it. */
export function writePidFile(path: string): () => void {
  const content = `${process.pid}\n`;
  const draft = `${path}.${process.pid}`; // whoever polls the file sees a whole number, or no file
  try {
    writeFileSync(draft, content, { mode: 0o644 });
    if (isStale(path)) renameSync(draft, path);
    else linkSync(draft, path);
  } catch (error) {
    throw new ExitError(1, `Error in pidfile creation: '${path}': ${describeError(error)}`);
  } finally {
    rmSync(draft, { force: true });
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

// Finds a program in the same way as execvp(3).
import { readdirSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { isExecutable } from '../system/executable.ts';
import { ExitError } from '../system/exit-error.ts';

export const NOT_EXECUTABLE = 126; // the exit code that shells use
const NOT_FOUND = 127;

/** Names by which users ask for QEMU. If such a program is missing, the error names the emulators that exist. */
const QEMU_NAME = /^(qemu|kvm|qemu-kvm|qemu-system-.+)$/;
/** Names of QEMU's system emulators, including those that distributions give them. */
export const SYSTEM_EMULATOR = /^(qemu-system-[a-z0-9_]+|qemu-kvm|kvm)$/;

/** Returns the path of the program `name`. Throws ExitError 126 or 127. */
export function findProgram(name: string, path = process.env.PATH ?? '/usr/bin:/bin'): string {
  const directories = path.split(delimiter).map((directory) => directory || '.');
  const files = name.includes('/') ? [name] : directories.map((directory) => join(directory, name));
  const present = files.filter(isFile);
  const runnable = present.find(isExecutable);
  if (runnable !== undefined) return runnable;
  if (present.length > 0) throw new ExitError(NOT_EXECUTABLE, `cannot run '${present[0]}': Permission denied`);
  if (name.includes('/')) throw new ExitError(NOT_FOUND, `there is no program '${name}'`);
  throw new ExitError(NOT_FOUND, `there is no program '${name}' on the PATH${alternatives(name, directories)}`);
}

function alternatives(name: string, directories: readonly string[]): string {
  if (!QEMU_NAME.test(name)) return '';
  const files = directories.flatMap((directory) => filesIn(directory).map((file) => join(directory, file)));
  const found = files.filter((file) => SYSTEM_EMULATOR.test(basename(file)) && isFile(file) && isExecutable(file));
  const names = [...new Set(found.map((file) => basename(file)))].sort();
  return names.length === 0 ? ', and no other QEMU' : `; there is ${names.join(', ')}`;
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the directory does not exist or cannot be read
  }
}

/** Returns whether the path is a file. As in a shell, a file in a directory that may not be entered does not exist. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

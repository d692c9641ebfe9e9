// The history of typed lines, a file in the state directory of the XDG base directory specification. Each line is
// appended when it is typed, so that concurrent sessions do not lose each other's lines.
import { appendFileSync, closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { describeError } from '../system/errno.ts';
import { homeDirectory } from '../system/home-directory.ts';

export const HISTORY_MAX = 1000;

export interface History {
  /** Earlier lines, newest first, as readline expects. */
  lines: string[];
  add(line: string): void;
}

export function historyPath(environment: NodeJS.ProcessEnv = process.env): string {
  const state = environment.XDG_STATE_HOME;
  return join(
    state !== undefined && isAbsolute(state) ? state : join(homeDirectory(), '.local/state'),
    'tsvde/tsvdectl_history',
  );
}

/** Opens the history. `warn` is called once, with a sentence, if it cannot be read or written. */
export function openHistory(path: string, warn: (sentence: string) => void): History {
  let kept = true;
  const attempt = (action: () => void) => {
    try {
      if (kept) action();
    } catch (error) {
      kept = false;
      const isLink = (error as NodeJS.ErrnoException).code === 'ELOOP';
      warn(`cannot keep the history in '${path}': ${isLink ? 'it is a symbolic link' : describeError(error)}`);
    }
  };
  let lines: string[] = [];
  attempt(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    withFile(path, (fd) => {
      const typed = readFileSync(fd, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      lines = typed.slice(-HISTORY_MAX);
      if (typed.length <= 2 * HISTORY_MAX) return;
      ftruncateSync(fd);
      appendFileSync(fd, lines.map((line) => `${line}\n`).join(''));
    });
  });
  return {
    lines: lines.reverse(),
    add: (line) => attempt(() => withFile(path, (fd) => appendFileSync(fd, `${line}\n`))),
  };
}

/** Opens the file, which only its owner can read. Follows no link: root's HOME may be the directory of another user. */
function withFile(path: string, action: (fd: number) => void): void {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    action(fd);
  } finally {
    closeSync(fd);
  }
}

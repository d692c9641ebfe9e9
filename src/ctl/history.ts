// The lines typed before, kept where the XDG base directory specification has a program's state. Each is added when it is typed,
// so that sessions side by side lose nothing of each other's.
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { describeError } from '../system/errno.ts';
import { homeDirectory } from '../system/home-directory.ts';

export const HISTORY_MAX = 1000;

export interface History {
  /** Newest first, as readline has them. */
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

/** `warn` is told, once, that it cannot be kept. */
export function openHistory(path: string, warn: (sentence: string) => void): History {
  let kept = true;
  const attempt = (action: () => void) => {
    try {
      if (kept) action();
    } catch (error) {
      kept = false;
      warn(`history is not kept in '${path}': ${describeError(error)}`);
    }
  };
  let lines: string[] = [];
  attempt(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    const typed = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    lines = typed.slice(-HISTORY_MAX);
    if (typed.length > 2 * HISTORY_MAX) writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  });
  return {
    lines: lines.reverse(),
    add: (line) => attempt(() => appendFileSync(path, `${line}\n`)),
  };
}

// Runs `tsvdectl top` on the alternate screen of the terminal, and restores the terminal whatever ends the program.
// This module is imported on demand, since ink and react would double the start-up time of tsvdectl.
import { writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import { type Instance, render } from 'ink';
import { createElement } from 'react';
import { ExitError } from '../../system/exit-error.ts';
import { endProcess } from '../../system/process.ts';
import type { ConsoleClient } from '../console-client.ts';
import { dataFrom } from '../console-data.ts';
import type { Screen } from '../table.ts';
import { App } from './top-app.ts';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const FATAL: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];

export interface TopOptions {
  switchName: string;
  output: WriteStream;
  paint: Screen['paint'];
}

/** Shows the ports until the user quits. Throws ExitError if the console disconnects or replies with an error. */
export async function runTop(client: ConsoleClient, { switchName, output, paint }: TopOptions): Promise<void> {
  let end: (reason?: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => {
    end = resolve;
  });
  let entered = false;
  const leave = () => {
    if (!entered) return;
    entered = false;
    process.stdin.setRawMode(false);
    writeOut(LEAVE);
  };
  const enter = () => {
    entered = true;
    writeOut(ENTER);
  };
  const die = (signal: NodeJS.Signals) => {
    leave();
    endProcess(1, signal);
  };
  // The exit handler restores the terminal after an exception that nobody caught.
  process.on('exit', leave);
  for (const signal of FATAL) process.on(signal, die);
  output.on('error', () => end()); // the terminal is gone
  enter();
  let shown: Instance;
  const suspend = () => {
    shown.unmount();
    leave();
    process.once('SIGCONT', () => {
      enter();
      show();
    });
    process.kill(0, 'SIGTSTP');
  };
  const show = () => {
    const app = createElement(App, { ask: dataFrom(client), switchName, paint, end, suspend });
    shown = render(app, { stdout: output, exitOnCtrlC: false, patchConsole: false });
  };
  show();
  process.stdin.once('end', () => end());
  void client.ended.then((reason) => end(reason ?? new ExitError(0, '')));
  const reason = await ended;
  shown!.unmount();
  leave();
  for (const signal of FATAL) process.off(signal, die);
  process.off('exit', leave);
  if (reason !== undefined) throw reason;
}

/** Writes to the terminal at once, also while the process ends. A terminal that is gone is not an error. */
function writeOut(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    // The terminal is gone, or full: then there is nothing to restore, or nobody to see it.
  }
}

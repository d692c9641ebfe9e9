// Finds QEMU, asks what it supports, and carries out a plan: takes the switch ports and becomes QEMU.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import { joinSwitch } from '../plug/join.ts';
import { selfDescription } from '../plug/self-description.ts';
import { defaultTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { randomMac } from '../protocol/mac.ts';
import { describeError } from '../system/errno.ts';
import { isExecutable } from '../system/executable.ts';
import { ExitError } from '../system/exit-error.ts';
import { descriptorOf } from '../system/native.ts';
import { becomeProgram, type ProcessState } from '../system/process.ts';
import type { Plan } from './plan.ts';
import type { Facts } from './wiring.ts';

const NOT_EXECUTABLE = 126; // as a shell's exit code
const NOT_FOUND = 127;

/** The program may be a script around QEMU, which may do anything when it is asked for help. */
const HELP_TIMEOUT_MS = 5000;

/** Returns the file that `name` runs, as execvp(3) finds it. Throws ExitError 126 or 127. */
export function findProgram(name: string, path = process.env.PATH ?? '/usr/bin:/bin'): string {
  const files = name.includes('/') ? [name] : path.split(delimiter).map((directory) => join(directory || '.', name));
  const present = files.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
  const runnable = present.find(isExecutable);
  if (runnable !== undefined) return runnable;
  if (present.length > 0) throw new ExitError(NOT_EXECUTABLE, `cannot run '${present[0]}': Permission denied`);
  throw new ExitError(NOT_FOUND, `there is no program '${name}'${name.includes('/') ? '' : ' on the PATH'}`);
}

export function factsAbout(program: string): Facts {
  return {
    // One backend per line; the heading above them contains spaces.
    backends: new Set(ask(program, '-netdev', 'help').filter((line) => /^\S+$/.test(line))),
    version: () => {
      const [, major, minor] = /version (\d+)\.(\d+)/.exec(ask(program, '-version').join()) ?? [];
      return minor === undefined ? undefined : [Number(major), Number(minor)];
    },
    defaultTarget: defaultTarget(),
    newMac: () => randomMac('52:54:00'),
  };
}

function ask(program: string, ...args: string[]): string[] {
  const { stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: HELP_TIMEOUT_MS,
  });
  return (stdout ?? '').split('\n');
}

/** Takes every port of the plan and becomes QEMU. Returns only by throwing, with every port released. */
export async function launch(program: string, name: string, plan: Plan, mode = 0o700): Promise<never> {
  const taken: { control: Socket; fd: number }[] = [];
  try {
    for (const path of plan.opened) await checkAnswers(path);
    for (const target of plan.joins) taken.push(await takePort(target, mode));
    const descriptors = taken.map(({ fd }) => fd);
    const argv = [name, ...plan.arguments(descriptors)];
    // QEMU inherits the control streams, so that the ports last exactly as long as QEMU.
    const controls = taken.map(({ control }) => descriptorOf(control));
    const before = stateBefore(process.env.TSVDEQ_BEFORE);
    delete process.env.TSVDEQ_BEFORE;
    try {
      return becomeProgram(program, argv, [...descriptors, ...controls], before);
    } catch (error) {
      throw new ExitError(NOT_EXECUTABLE, `cannot run '${program}': ${describeError(error)}`);
    }
  } finally {
    for (const { control } of taken) control.destroy();
  }
}

/** Throws if nobody listens on the socket: QEMU would start without it and hardly say so. */
function checkAnswers(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('error', (error) => {
      const directory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
      const why = directory
        ? 'it is a directory; name the socket of a port that was attached with --port stream,server=on,addr.type=unix,addr.path=…'
        : describeError(error);
      reject(new SwitchError('EIO', `cannot join the switch at '${path}': ${why}`));
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve();
    });
  });
}

function takePort(target: Target, mode: number): Promise<{ control: Socket; fd: number }> {
  const { directory, port, group } = target;
  return joinSwitch(directory, {
    description: selfDescription('tsvdeq'),
    mode: target.mode ?? mode,
    ...(port === undefined ? {} : { port }),
    ...(group === undefined ? {} : { group }),
  });
}

/** Parses what bin/tsvdeq recorded: the ignored signals in hexadecimal, and the limit of open files or `unlimited`. */
function stateBefore(recorded = '0'): ProcessState {
  const [ignored, limit] = recorded.split(' ');
  return { ignoredSignals: BigInt(`0x${ignored}`), ...(Number(limit) > 0 ? { openFiles: Number(limit) } : {}) };
}

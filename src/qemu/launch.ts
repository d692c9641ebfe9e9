// Asks QEMU what it supports, and carries out a plan: takes the switch ports, and then becomes QEMU.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connectControl, type Joined, joinAgain, joinSwitch, removeOwn } from '../plug/join.ts';
import { selfDescription } from '../plug/self-description.ts';
import { defaultTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { nameFrom } from '../protocol/names.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { descriptorOf } from '../system/native.ts';
import { becomeProgram, type Exit, endLike, type ProcessState, runProgram } from '../system/process.ts';
import type { Addresses } from './addresses.ts';
import { backgroundProcess, goesToBackground } from './background.ts';
import type { Plan } from './plan.ts';
import { NOT_EXECUTABLE } from './programs.ts';
import type { Facts } from './wiring.ts';

/** The longest description in a request, in bytes. */
const DESCRIPTION_MAX = 127;

/**
 * How long to wait for the output of `-netdev help` or `-version`, in milliseconds. The limit is needed because the
 * program may be a script that ignores these options.
 */
const HELP_TIMEOUT_MS = 5000;

export function factsAbout(program: string, addresses: Addresses): Facts {
  return {
    // The list has one backend per line. The heading above it contains spaces.
    backends: new Set(ask(program, '-netdev', 'help').filter((line) => /^\S+$/.test(line))),
    version: once(() => {
      const [, major, minor] = /version (\d+)\.(\d+)/.exec(ask(program, '-version').join()) ?? [];
      return minor === undefined ? undefined : [Number(major), Number(minor)];
    }),
    readFile: readConfigFile,
    isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
    defaultTarget: defaultTarget(),
    newMac: (nic) => addresses.next(nic),
    useMac: (mac) => addresses.use(mac),
  };
}

function once<T>(compute: () => T): () => T {
  let known: { value: T } | undefined;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
}

function readConfigFile(path: string): string {
  try {
    // QEMU reads the file again, which a pipe does not allow.
    if (!statSync(path).isFile()) throw new SwitchError('EINVAL', `'-readconfig ${path}' is not a regular file`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof SwitchError) throw error;
    throw new SwitchError('EIO', `cannot read '${path}' of -readconfig: ${describeError(error)}`);
  }
}

function ask(program: string, ...args: string[]): string[] {
  const { stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: HELP_TIMEOUT_MS,
  });
  return (stdout ?? '').split('\n');
}

/** The texts that the switch shows with the guest's ports, besides the user and the process ID. */
export interface Guest {
  /** QEMU's -name, which also names the ports. */
  name?: string | undefined;
  description?: string | undefined;
}

export interface LaunchOptions {
  /** QEMU's argv[0]. */
  name: string;
  /** Permissions of our own sockets; default 0o700. */
  mode?: number | undefined;
  guest: Guest;
  /** Further descriptors that QEMU inherits. */
  inherited: readonly number[];
}

/**
 * Takes every port of the plan and becomes QEMU or, for -daemonize, runs QEMU and ends as it does. Does not return if
 * that succeeds. On failure, releases every port and throws.
 */
export async function launch(program: string, plan: Plan, options: LaunchOptions): Promise<never> {
  const { name, mode = 0o700, guest, inherited } = options;
  const background = plan.joins.length > 0 && goesToBackground(plan.arguments(plan.joins.map(() => 0)));
  const taken: Joined[] = [];
  const again: Socket[] = [];
  let exit: Exit;
  try {
    for (const path of plan.opened) await checkAnswers(path);
    for (const target of plan.joins) {
      taken.push(await takePort(target, mode, describeGuest(guest, process.pid), background));
      if (background) again.push(await connectControl(target.directory));
    }
    const descriptors = taken.map(({ fd }) => fd);
    const argv = [name, ...plan.arguments(descriptors)];
    // QEMU inherits the control streams, so that the ports last exactly as long as QEMU.
    const controls = [...taken.map(({ control }) => control), ...again].map(descriptorOf);
    const keep = [...descriptors, ...controls, ...inherited];
    const before = stateBefore(process.env.TSVDEQ_BEFORE);
    delete process.env.TSVDEQ_BEFORE;
    exit = start(program, () => (background ? runProgram : becomeProgram)(program, argv, keep, before));
    const pid = exit.code === 0 ? backgroundProcess(argv, descriptors[0]!) : undefined;
    if (pid !== undefined)
      for (const [i, joined] of taken.entries()) await nameAgain(joined, again[i]!, describeGuest(guest, pid));
  } finally {
    for (const { control, ownPath } of taken) {
      control.destroy();
      if (background) removeOwn(ownPath);
    }
    for (const control of again) control.destroy();
  }
  return endLike(exit);
}

function start(program: string, action: () => Exit): Exit {
  try {
    return action();
  } catch (error) {
    throw new ExitError(NOT_EXECUTABLE, `cannot run '${program}': ${describeError(error)}`);
  }
}

/** Throws if nothing listens on the socket: QEMU would start without the network and hardly report it. */
function checkAnswers(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('error', (error) => {
      const directory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
      const why = directory
        ? 'it is a directory; name the socket of a port that was attached with --port stream,… or --port vhost-user,…'
        : describeError(error);
      reject(new SwitchError('EIO', `cannot join the switch at '${path}': ${why}`));
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve();
    });
  });
}

function takePort(target: Target, mode: number, description: string, keepName: boolean): Promise<Joined> {
  const { directory, port, group } = target;
  return joinSwitch(directory, {
    description,
    mode: target.mode ?? mode,
    keepName,
    ...(port === undefined ? {} : { port }),
    ...(group === undefined ? {} : { group }),
  });
}

/** Joins the port again under a new description. If the switch refuses, it keeps showing the process that has ended. */
async function nameAgain(joined: Joined, control: Socket, description: string): Promise<void> {
  await joinAgain(joined, control, description).catch(() => {});
}

/**
 * Returns a text such as `tsvdeq name=web user=root pid=7`. The word `name=web` makes the switch name the port. The
 * description, if there is one, comes before that word. Without a description, the guest's name comes there unless it
 * is valid as a port's name. The part before `name=` is cut if the whole text would be too long.
 */
function describeGuest({ name: given = '', description }: Guest, pid: number): string {
  const name = nameFrom(given);
  const text = description ?? (name === given ? '' : given);
  const describe = (words: string) =>
    selfDescription(['tsvdeq', words, name && `name=${name}`].filter(Boolean).join(' '), process.env, pid);
  let cut = text;
  while (cut !== '' && Buffer.byteLength(describe(cut)) > DESCRIPTION_MAX) cut = [...cut].slice(0, -1).join('');
  return describe(cut);
}

/**
 * Parses the state that bin/tsvdeq recorded: the ignored signals in hexadecimal, and the limit of open files or
 * `unlimited`.
 */
function stateBefore(recorded = '0'): ProcessState {
  const [ignored, limit] = recorded.split(' ');
  return { ignoredSignals: BigInt(`0x${ignored}`), ...(Number(limit) > 0 ? { openFiles: Number(limit) } : {}) };
}

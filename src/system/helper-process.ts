// Starts one of our helper programs with pipes as its standard streams.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { SwitchError } from '../protocol/errors.ts';
import { describeError } from './errno.ts';

/**
 * Starts a program, as spawn() does. Throws SwitchError EIO if it cannot be started because descriptors or memory are
 * missing: spawn() itself then returns a child without streams, and emits an error later.
 */
export function startHelper(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  let child: ChildProcess;
  try {
    child = spawn(program, args, options);
  } catch (error) {
    throw cannotStart(program, describeError(error));
  }
  if (child.stdin) return child;
  child.on('error', () => {});
  throw cannotStart(program, describeError({ code: 'EMFILE' }));
}

export function cannotStart(program: string, why: string): SwitchError {
  return new SwitchError('EIO', `'${program}' cannot be started: ${why}`);
}

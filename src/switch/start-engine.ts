// Starts the engine, which needs memory, descriptors and a thread.
import { SwitchError } from '../protocol/errors.ts';
import type { NativeEngine } from '../system/engine.ts';
import { describeError } from '../system/errno.ts';
import { native } from '../system/native.ts';

/** Starts the engine. Throws SwitchError EIO if the system has not what it needs. */
export function startEngine(...args: ConstructorParameters<typeof native.Engine>): NativeEngine {
  try {
    return new native.Engine(...args);
  } catch (error) {
    throw new SwitchError('EIO', `the engine cannot start: ${describeError(error)}`);
  }
}

// Short Python programs for things that Node cannot do: abstract sockets, and processes of another user.
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Started, start } from './process.ts';

/** Starts a program; `readable` is a control directory to open to processes of any user. */
export async function python(program: string, options: { readable?: string } = {}): Promise<Started> {
  if (options.readable !== undefined) {
    chmodSync(dirname(options.readable), 0o755);
    chmodSync(options.readable, 0o755);
    chmodSync(`${options.readable}/ctl`, 0o666);
  }
  return start('python3', ['-c', program]);
}

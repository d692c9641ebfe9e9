// A few lines of Python, for what Node cannot do: abstract sockets, another user's process.
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Started, start } from './process.ts';

/** `readable`: a control directory that a process of any user is to reach. */
export async function python(program: string, options: { readable?: string } = {}): Promise<Started> {
  if (options.readable !== undefined) {
    chmodSync(dirname(options.readable), 0o755);
    chmodSync(options.readable, 0o755);
    chmodSync(`${options.readable}/ctl`, 0o666);
  }
  return start('python3', ['-c', program]);
}

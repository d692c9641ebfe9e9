// A control group with a limit of memory, for one program. Uses cgroup v2, or v1 if that has the memory controller. The
// limit includes the kernel's memory for the program, such as socket buffers.
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { atEnd } from './at-end.ts';
import { until } from './wait.ts';

interface Hierarchy {
  directory: string;
  names: { limit: string; usage: string; events: string };
}

const V1 = { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', events: 'memory.oom_control' };
const V2 = { limit: 'memory.max', usage: 'memory.current', events: 'memory.events' };

let count = 0;

export class MemoryLimit {
  readonly #names: Hierarchy['names'];
  readonly #path: string;

  constructor(bytes: number) {
    const found = hierarchy();
    if (!found) throw new Error('there is no memory controller');
    this.#names = found.names;
    if (found.names === V2) passMemoryOn(found.directory);
    this.#path = `${found.directory}/tsvde-t-${process.pid}-${count++}`;
    mkdirSync(this.#path);
    atEnd(() => this.#remove());
    writeFileSync(`${this.#path}/${this.#names.limit}`, String(bytes));
  }

  /** Returns the command that runs another command in the group. The process ID stays the same. */
  around(command: string, args: readonly string[]): [string, string[]] {
    const script = 'echo $$ >"$0"; exec "$@"';
    return ['sh', ['-e', '-c', script, `${this.#path}/cgroup.procs`, command, ...args]];
  }

  /** The bytes that the group uses now. */
  get usage(): number {
    return Number(this.#read('usage'));
  }

  /** How many processes the kernel has killed for the limit. */
  get killed(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.#read('events'))![1]);
  }

  #read(what: keyof Hierarchy['names']): string {
    return readFileSync(`${this.#path}/${this.#names[what]}`, 'utf8');
  }

  /** The group can be removed once its last process has ended, which an earlier clean-up step has killed. */
  async #remove(): Promise<void> {
    const removed = () => {
      try {
        rmdirSync(this.#path);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
        return false;
      }
    };
    await until(removed, `the removal of ${this.#path}`);
  }
}

/** Whether this process can make such a group. */
export function canLimitMemory(): boolean {
  const found = hierarchy();
  if (!found) return false;
  try {
    accessSync(found.directory, constants.W_OK);
    if (found.names === V2) accessSync(subtreeOf(found.directory), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const subtreeOf = (directory: string): string => `${directory}/cgroup.subtree_control`;

/** Gives the children of a group of cgroup v2 the memory controller, until the test ends. */
function passMemoryOn(directory: string): void {
  const file = subtreeOf(directory);
  if (hasMemory(file)) return;
  writeFileSync(file, '+memory');
  atEnd(() => writeFileSync(file, '-memory'));
}

function hierarchy(): Hierarchy | undefined {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, directory, type, options] = line.split(' ');
    if (type === 'cgroup' && options!.split(',').includes('memory')) return { directory: directory!, names: V1 };
    if (type === 'cgroup2' && hasMemory(`${directory}/cgroup.controllers`)) return { directory: directory!, names: V2 };
  }
  return undefined;
}

/** Whether a file of cgroup v2 lists the memory controller. */
function hasMemory(file: string): boolean {
  return readFileSync(file, 'utf8').split(/\s/).includes('memory');
}

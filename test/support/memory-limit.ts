// A control group with a limit of memory, for one program. The memory controller is in cgroup v2, or in v1 where that
// holds the controller; the limit is the same: what the program and the kernel for it use, sockets' buffers included.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
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

  /** The group can be removed once its last process has ended, and this test has killed that by now. */
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
  const probe = `${found.directory}/tsvde-t-${process.pid}-probe`;
  try {
    mkdirSync(probe);
  } catch {
    return false;
  }
  try {
    return readFileSync(`${probe}/${found.names.limit}`, 'utf8') !== '';
  } catch {
    return false;
  } finally {
    rmdirSync(probe);
  }
}

function hierarchy(): Hierarchy | undefined {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, directory, type, options] = line.split(' ');
    if (type === 'cgroup' && options!.split(',').includes('memory')) return { directory: directory!, names: V1 };
    if (type === 'cgroup2' && hasMemory(directory!)) return { directory: directory!, names: V2 };
  }
  return undefined;
}

/** Whether children of this group of cgroup v2 have the memory controller; it is switched on if need be. */
function hasMemory(directory: string): boolean {
  try {
    if (!readFileSync(`${directory}/cgroup.controllers`, 'utf8').split(/\s/).includes('memory')) return false;
    writeFileSync(`${directory}/cgroup.subtree_control`, '+memory');
    return true;
  } catch {
    return false;
  }
}

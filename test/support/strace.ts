// Makes system calls of a running program fail, by Debian's strace.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './process.ts';
import { temporaryDirectory } from './temporary.ts';

/** A system call that fails. Names and expressions are those of `strace -e inject=`. */
export interface Fault {
  /** One or more calls, separated by commas. A call that this kernel lacks is written `?call`. */
  calls: string;
  error: string;
  /** Which calls fail: `3` the third, `2+3` the second and every third after it; by default every call. */
  when?: string;
  /** The name of the only thread whose calls fail, such as `tsvde-engine`; by default all threads and children. */
  thread?: string;
  /** The file whose calls fail; by default all. */
  path?: string;
}

export interface Injection {
  /** Stops tracing and returns how many calls have failed. */
  stop(): Promise<number>;
}

/** Makes calls fail from now on. Resolves when the program is traced. */
export async function inject(pid: number, fault: Fault): Promise<Injection> {
  const { calls, error, when, thread, path } = fault;
  const log = join(temporaryDirectory(), 'strace');
  const what = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}${when ? `:when=${when}` : ''}`];
  const which = thread === undefined ? ['-f', '-p', String(pid)] : ['-p', String(threadOf(pid, thread))];
  const tracer = start('strace', ['-o', log, ...which, ...what, ...(path === undefined ? [] : ['-P', path])]);
  await tracer.output(/ attached/);
  return {
    async stop() {
      await tracer.stop('SIGINT'); // strace then detaches
      return readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('(INJECTED)')).length;
    },
  };
}

function threadOf(pid: number, name: string): number {
  const all = readdirSync(`/proc/${pid}/task`);
  const found = all.find((tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() === name);
  if (found === undefined) throw new Error(`process ${pid} has no thread '${name}'`);
  return Number(found);
}

// systemd as process 1 of namespaces of its own, over the files of this machine, which stay as they are.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.ts';
import { namespace } from './namespace.ts';
import { type Started, start } from './process.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './wait.ts';

export const SYSTEMD_NEEDS = ['root', 'ip', 'unshare', 'nsenter', 'systemctl', '/usr/lib/systemd/systemd'] as const;
/** tsvde in the namespaces: the words that start it. */
export const TSVDE = ['/opt/node', '/opt/tsvde/bin/tsvde'] as const;

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const BOOT = fileURLToPath(new URL('systemd-boot.sh', import.meta.url));

export class Systemd {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  static async boot(): Promise<Systemd> {
    const home = temporaryDirectory();
    const cgroup = `tsvde-test-${process.pid}`;
    atEnd(() => removeGroups(home, cgroup));
    const started = namespace().start('unshare', ['--mount', BOOT, home, CHECKOUT, process.execPath], {
      env: { ...process.env, CGROUP: cgroup },
      stdin: 'ignore',
    });
    const machine = new Systemd(await until(() => systemdOf(started), 'process 1', 10_000));
    const state = () => machine.tries('systemctl', 'is-system-running').trim();
    await until(
      () => ['running', 'degraded'].includes(state()),
      () => `systemd: ${state()} ${started.stdout()}${started.stderr()}`,
      30_000,
    );
    return machine;
  }

  /** Runs a command beside systemd and returns its output. If the command fails, throws an error with its stderr. */
  run(...command: string[]): string {
    return execFileSync('nsenter', this.#words(command), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Runs a command that may fail, and returns its output. */
  tries(...command: string[]): string {
    try {
      return this.run(...command);
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return stdout + stderr;
    }
  }

  start(...command: string[]): Started {
    return start('nsenter', this.#words(command));
  }

  write(path: string, text: string): void {
    this.run('mkdir', '-p', path.replace(/\/[^/]*$/, ''));
    writeFileSync(`/proc/${this.#pid}/root${path}`, text);
  }

  /** Returns the properties of a unit, as `systemctl show` gives them. */
  show(unit: string, ...properties: string[]): Record<string, string> {
    const lines = this.run('systemctl', 'show', unit, ...properties.map((name) => `--property=${name}`)).split('\n');
    return Object.fromEntries(lines.filter(Boolean).map((line) => /^(.*?)=(.*)$/s.exec(line)!.slice(1)));
  }

  #words(command: readonly string[]): string[] {
    const spaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd'];
    return ['--target', String(this.#pid), ...spaces, ...command];
  }
}

/** Returns the pid of systemd, the child of unshare, once the child has become systemd. */
function systemdOf({ pid, running, stderr }: Started): number | undefined {
  if (!running) throw new Error(`systemd did not start: ${stderr()}`);
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
    return child > 0 && readFileSync(`/proc/${child}/comm`, 'utf8') === 'systemd\n' ? child : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the control groups once their last process has ended. */
function removeGroups(home: string, name: string): void {
  const remove = 'find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05';
  const script = `mount -t cgroup2 cgroup2 "$0"; cd "$0"; while [ -d "$1" ]; do ${remove}; done`;
  execFileSync('unshare', ['--mount', 'sh', '-e', '-c', script, home, name], { timeout: 10_000 });
}

// A network namespace for one test: its own interfaces, its own loopback, nothing of the machine's.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { atEnd } from './at-end.ts';
import { type Started, type StartOptions, start } from './process.ts';

let count = 0;

export class Namespace {
  readonly name = `tsvde-t-${process.pid}-${count++}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    atEnd(() => execFileSync('ip', ['netns', 'del', this.name]));
    this.run('ip', 'link', 'set', 'lo', 'up');
  }

  /** Its standard output. Throws with what it said on stderr. */
  run(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], { encoding: 'utf8' });
  }

  /** `ip netns exec` puts what is in /etc/netns/NAME in the place of /etc's own. */
  useResolver(address: string): void {
    const directory = `/etc/netns/${this.name}`;
    mkdirSync(directory, { recursive: true });
    atEnd(() => {
      rmSync(directory, { recursive: true });
      try {
        rmdirSync('/etc/netns');
      } catch {} // not ours alone
    });
    writeFileSync(`${directory}/resolv.conf`, `nameserver ${address}\n`);
  }

  /** `ip netns exec` becomes the command: the pid is the command's own. */
  start(command: string, args: readonly string[], options?: StartOptions): Started {
    return start('ip', ['netns', 'exec', this.name, command, ...args], options);
  }
}

export function namespace(): Namespace {
  return new Namespace();
}

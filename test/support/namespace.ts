// A network namespace for one test, with its own interfaces and loopback and none of the machine's.
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

  /** Runs a command and returns its standard output. If the command fails, throws an error that has the stderr. */
  run(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], { encoding: 'utf8' });
  }

  /** Sets the name server. */
  useResolver(address: string): void {
    this.#mount('resolv.conf', `nameserver ${address}\n`);
  }

  /** Sets the addresses of names: lines of hosts(5). */
  useHosts(...lines: string[]): void {
    this.#mount('hosts', lines.map((line) => `${line}\n`).join(''));
  }

  #mount(name: string, text: string): void {
    const directory = `/etc/netns/${this.name}`;
    mkdirSync(directory, { recursive: true });
    atEnd(() => {
      rmSync(directory, { recursive: true, force: true });
      try {
        rmdirSync('/etc/netns');
      } catch {} // another test uses /etc/netns too
    });
    writeFileSync(`${directory}/${name}`, text);
  }

  /** Starts a command. `ip netns exec` does not fork but becomes the command, so the pid is the command's. */
  start(command: string, args: readonly string[], options?: StartOptions): Started {
    return start('ip', ['netns', 'exec', this.name, command, ...args], options);
  }
}

export function namespace(): Namespace {
  return new Namespace();
}

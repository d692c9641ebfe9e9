// What systemd and its like want to know of a service, and what they hand to it: sd_notify(3), sd_listen_fds(3), and a
// descriptor to say "ready" on.
import { closeSync, writeSync } from 'node:fs';
import { ExitError } from '../system/exit-error.ts';
import { sendDatagram } from '../system/process.ts';

type Environment = Record<string, string | undefined>;

const FIRST_PASSED = 3; // SD_LISTEN_FDS_START
const SOCKET_NAMES = ['ctl', 'mgmt', 'metrics'] as const;
export type SocketName = (typeof SOCKET_NAMES)[number];

/** Tells who started us how it goes; does nothing where nobody asked. */
export class ServiceManager {
  readonly #path: string | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(environment: Environment = process.env) {
    this.#path = environment.NOTIFY_SOCKET;
    const { WATCHDOG_USEC, WATCHDOG_PID = String(process.pid) } = environment;
    const period = Number(WATCHDOG_USEC) / 1000;
    if (period > 0 && WATCHDOG_PID === String(process.pid))
      this.#watchdog = setInterval(() => this.#tell('WATCHDOG=1'), period / 2).unref();
  }

  ready(status: string): void {
    this.#tell(`READY=1\nMAINPID=${process.pid}\nSTATUS=${status}`);
  }

  status(status: string): void {
    this.#tell(`STATUS=${status}`);
  }

  reloading(): void {
    const now = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    this.#tell('STOPPING=1');
  }

  #tell(text: string): void {
    if (!this.#path) return;
    try {
      sendDatagram(this.#path, text);
    } catch {
      // A manager that does not listen loses no more than the news.
    }
  }
}

/** The listening sockets that were passed, by name. Throws ExitError for a name that is none of ours. */
export function passedSockets(environment: Environment = process.env): Map<SocketName, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment;
  const sockets = new Map<SocketName, number>();
  if (LISTEN_PID !== String(process.pid)) return sockets;
  const names = LISTEN_FDNAMES.split(':');
  for (let i = 0; i < Number(LISTEN_FDS); i++) {
    const name = SOCKET_NAMES.find((one) => one === names[i]);
    if (!name)
      throw new ExitError(
        1,
        `a socket named '${names[i] ?? ''}' was passed: FileDescriptorName= must be one of ${SOCKET_NAMES.join(', ')}`,
      );
    sockets.set(name, FIRST_PASSED + i);
  }
  return sockets;
}

/** Writes a newline and closes it, as s6 and its like expect; a standard stream stays, or the next socket would be it. */
export function tellReady(fd: number): void {
  try {
    writeSync(fd, '\n');
    if (fd > 2) closeSync(fd);
  } catch {
    throw new ExitError(1, `--ready-fd ${fd}: nothing can be written there; open it for writing`);
  }
}

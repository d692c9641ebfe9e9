// The protocols of service managers: systemd's sd_notify(3) and sd_listen_fds(3), and s6's readiness descriptor.
import { closeSync, writeSync } from 'node:fs';
import { ExitError } from '../system/exit-error.ts';
import { sendDatagram } from '../system/process.ts';

type Environment = Record<string, string | undefined>;

const FIRST_PASSED = 3; // SD_LISTEN_FDS_START
const SOCKET_NAMES = ['ctl', 'mgmt', 'metrics', 'web'] as const;
export type SocketName = (typeof SOCKET_NAMES)[number];

/** Reports state changes to systemd; does nothing unless NOTIFY_SOCKET is set. */
export class ServiceManager {
  readonly #path: string | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #isAlive: () => Promise<boolean> = async () => true;

  constructor(environment: Environment = process.env) {
    this.#path = environment.NOTIFY_SOCKET;
    const { WATCHDOG_USEC, WATCHDOG_PID = String(process.pid) } = environment;
    const period = Number(WATCHDOG_USEC) / 1000;
    if (period > 0 && WATCHDOG_PID === String(process.pid))
      this.#watchdog = setInterval(() => void this.#keepAlive(), period / 2).unref();
  }

  /** From now on, tells the watchdog that the process is alive only if `isAlive` says so. */
  watch(isAlive: () => Promise<boolean>): void {
    this.#isAlive = isAlive;
  }

  async #keepAlive(): Promise<void> {
    if (await this.#isAlive()) this.#notify('WATCHDOG=1');
  }

  ready(status: string): void {
    this.#notify(`READY=1\nMAINPID=${process.pid}\nSTATUS=${status}`);
  }

  status(status: string): void {
    this.#notify(`STATUS=${status}`);
  }

  reloading(): void {
    const now = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC in microseconds
    this.#notify(`RELOADING=1\nMONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    this.#notify('STOPPING=1');
  }

  #notify(text: string): void {
    if (!this.#path) return;
    try {
      sendDatagram(this.#path, text);
    } catch {
      // If the manager does not listen, the switch runs on.
    }
  }
}

/** Returns the listening sockets that systemd passed, by name. Throws ExitError for an unknown name. */
export function passedSockets(environment: Environment = process.env): Map<SocketName, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment;
  const sockets = new Map<SocketName, number>();
  if (LISTEN_PID !== String(process.pid)) return sockets;
  const names = LISTEN_FDNAMES.split(':');
  for (let i = 0; i < Number(LISTEN_FDS); i++) {
    const name = SOCKET_NAMES.find((known) => known === names[i]);
    if (!name)
      throw new ExitError(
        1,
        `a socket named '${names[i] ?? ''}' was passed: FileDescriptorName= must be one of ${SOCKET_NAMES.join(', ')}`,
      );
    sockets.set(name, FIRST_PASSED + i);
  }
  return sockets;
}

/**
 * Writes a newline to `fd` and closes it, as s6 expects. Standard streams stay open, since otherwise a new socket would
 * get the freed number.
 */
export function announceReady(fd: number): void {
  try {
    writeSync(fd, '\n');
    if (fd > 2) closeSync(fd);
  } catch {
    throw new ExitError(1, `--ready-fd ${fd}: cannot write to it; open it for writing`);
  }
}

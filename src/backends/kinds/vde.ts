// An uplink, which takes a port of another VDE switch as any client does. When the control connection ends, the
// endpoint is detached and the uplink joins again. Meanwhile the port of this switch stays reserved.
import { realpathSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Joined, type JoinOptions, joinSwitch } from '../../plug/join.ts';
import { selfDescription } from '../../plug/self-description.ts';
import { SwitchError } from '../../protocol/errors.ts';
import { findGroup } from '../../system/accounts.ts';
import { BackOff } from '../../system/back-off.ts';
import { describeError } from '../../system/errno.ts';
import { native } from '../../system/native.ts';
import type { Reservation } from '../../system/reservation.ts';
import { firstAnswer } from '../first-answer.ts';
import { mode, number, path, text, type Values } from '../keys.ts';
import { type AttachmentStats, type Backend, defineKind, type Host } from '../kind.ts';

const keys = {
  sock: { value: path, required: true, help: "the other switch's control directory" },
  port: { value: number(0, 65535), help: 'the port to use on the other switch; default any free port' },
  group: { value: text, help: 'group of our data socket, which the other switch must be able to write to' },
  mode: { value: mode, help: 'permissions of our data socket; default 700' },
  'reconnect-ms': {
    value: number(10, 3_600_000),
    fallback: 1000,
    help: 'milliseconds before joining again, doubled after each failure up to 30 s',
  },
} as const;

export const vde = defineKind({
  name: 'vde',
  help: 'an uplink to another VDE switch, joined again after it restarts',
  keys,
  async open(values, host) {
    if (values.group !== undefined && findGroup(values.group) === undefined)
      throw new SwitchError('EINVAL', `vde: there is no group '${values.group}'`);
    if (host.directory !== undefined && realPath(values.sock) === host.directory)
      throw new SwitchError(
        'EINVAL',
        `vde: '${values.sock}' is this switch's own directory: frames would loop for ever`,
      );
    const uplink = new Uplink(values, host);
    await uplink.start();
    return uplink;
  },
});

/** Returns a path with symbolic links resolved; undefined if it does not exist. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

class Uplink implements Backend {
  readonly #directory: string;
  readonly #options: JoinOptions;
  readonly #host: Host;
  readonly #reservation: Reservation;
  readonly #backOff: BackOff;
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  #control: Socket | undefined;
  #times = 0;
  /** The last reason that was logged. */
  #logged = '';

  constructor({ sock, port, group, mode, 'reconnect-ms': reconnectMs }: Values<typeof keys>, host: Host) {
    this.#directory = sock;
    this.#options = {
      description: selfDescription('tsvde'),
      signal: host.signal,
      ...(port === undefined ? {} : { port }),
      ...(group === undefined ? {} : { group }),
      ...(mode === undefined ? {} : { mode }),
    };
    this.#host = host;
    this.#reservation = host.reserve();
    this.#backOff = new BackOff(reconnectMs);
  }

  /** Resolves when the first attempt to join has succeeded or failed, or after a second. */
  start(): Promise<void> {
    this.#trying = this.#try();
    return firstAnswer(this.#trying);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#control?.destroy();
    await this.#trying;
    this.#reservation.release();
  }

  stats(): AttachmentStats {
    return { connections: this.#control ? 1 : 0, reconnects: Math.max(0, this.#times - 1) };
  }

  async #try(): Promise<void> {
    try {
      this.#attach(await joinSwitch(this.#directory, this.#options));
    } catch (error) {
      this.#again(error instanceof SwitchError ? error.message : describeError(error));
    }
  }

  #attach({ control, fd, switchPath }: Joined): void {
    if (this.#host.signal.aborted) {
      control.destroy();
      native.closeDescriptor(fd);
      return;
    }
    const transport = { kind: 'datagram', fd } as const;
    try {
      this.#reservation.attach({ transport, description: switchPath, ended: () => control.destroy() });
    } catch (error) {
      control.destroy();
      throw error;
    }
    this.#control = control;
    control.once('close', () => this.#lost());
    control.resume();
    this.#times++;
    this.#backOff.made(performance.now());
    this.#logged = '';
    this.#host.log(`port ${this.#reservation.port}: joined ${switchPath}`, 'info', {
      port: this.#reservation.port,
      path: switchPath,
    });
  }

  #lost(): void {
    this.#control = undefined;
    this.#reservation.detach();
    this.#again(`the switch at '${this.#directory}' ended the connection`);
  }

  /** Schedules another attempt to join. A reason that repeats is logged once. */
  #again(why: string): void {
    if (this.#host.signal.aborted) return;
    if (why !== this.#logged) {
      this.#host.log(`${why}; trying again`, 'warning', { path: this.#directory, reason: why });
      this.#host.reconnecting(why);
    }
    this.#logged = why;
    this.#timer = setTimeout(() => {
      this.#trying = this.#try();
    }, this.#backOff.failed(performance.now()));
  }
}

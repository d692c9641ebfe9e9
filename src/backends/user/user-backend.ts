// Keeps a user-mode stack running. If the process dies, for example of a fault in libslirp, the port stays and a new
// process gets the same forwards. The socket pair for frames outlives the process. The new process drops the frames
// that wait there.
import { unlink } from 'node:fs/promises';
import { type ErrnoName, SwitchError } from '../../protocol/errors.ts';
import { strerror } from '../../protocol/strerror.ts';
import { errnoNumber } from '../../system/errno.ts';
import type { LogLevel } from '../../system/log.ts';
import { native } from '../../system/native.ts';
import type { Reservation } from '../../system/reservation.ts';
import { makeWay } from '../../system/unix-listener.ts';
import type { AttachmentStats, Backend, Host } from '../kind.ts';
import { attempt } from '../refusal.ts';
import { formatHostForward, formatHostPlace, type HostForward, type HostPlace, type InetPlace } from './forward.ts';
import { Guests } from './guests.ts';
import { readStats, StackProcess, type StackStats } from './stack-process.ts';

/** The size of each socket's buffer. Each of libslirp's many flows can have 64 KiB in flight. */
const BUFFER_BYTES = 4 << 20;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5000;
/** A process that has run for longer than this resets the restart delay to its first value. */
const SOUND_MS = 60_000;
const LINES_A_MINUTE = 10;

export interface StackRequest {
  settings: readonly string[];
  hostForwards: readonly HostForward[];
  /** The first address that DHCP leases. Forwards without a guest address lead to it while no guest is known. */
  firstGuest: string | undefined;
  /** The text that port/print shows, `10.0.2.0/24`. */
  description: string;
  /** Called when the backend is closed. */
  close(): void;
}

export class UserBackend implements Backend {
  readonly #request: StackRequest;
  readonly #host: Host;
  readonly #reservation: Reservation;
  readonly #frames: number;
  readonly #forwards: HostForward[] = [];
  readonly #guests: Guests;
  /** The addresses that forwards without a guest address now lead to; undefined if libslirp chooses the address. */
  readonly #followed: { ipv4: string | undefined; ipv6: string | undefined };
  /** Resolves after the last change to the forwards; changes are made one after another. */
  #changed: Promise<unknown> = Promise.resolve();
  #stack: StackProcess | undefined;
  #startedAt = 0;
  #retryMs = RETRY_FIRST_MS;
  #retry: NodeJS.Timeout | undefined;
  #restarts = 0;
  #before = readStats([]);
  #logged = { minute: 0, info: 0, warning: 0 };
  #closed = false;

  private constructor(request: StackRequest, host: Host, frames: number) {
    this.#request = request;
    this.#host = host;
    this.#reservation = host.reserve();
    this.#frames = frames;
    this.#guests = new Guests(host.whereabouts, this.#reservation.port);
    this.#followed = { ipv4: request.firstGuest, ipv6: undefined };
    host.whereabouts.onRemoved(() => this.#followLater(), host.signal);
  }

  /** Starts the stack. Throws SwitchError with a sentence, and then leaves nothing behind. */
  static async open(request: StackRequest, host: Host): Promise<UserBackend> {
    const [ours, theirs] = native.datagramPair(BUFFER_BYTES);
    let taken = false;
    let backend: UserBackend | undefined;
    try {
      backend = new UserBackend(request, host, theirs);
      await backend.#start();
      for (const forward of request.hostForwards) await backend.addHostForward(forward);
      taken = true;
      backend.#attach(ours);
      return backend;
    } catch (error) {
      if (!taken) native.closeDescriptor(ours);
      if (backend) await backend.close();
      else {
        native.closeDescriptor(theirs);
        request.close();
      }
      throw error;
    }
  }

  get hostForwards(): readonly HostForward[] {
    return this.#forwards;
  }

  /** The pid of the stack's process. */
  get pid(): number | undefined {
    return this.#stack?.pid;
  }

  /**
   * Adds a forward. Host port 0 asks for any free port. Throws SwitchError EADDRINUSE, EACCES and others, with a
   * sentence.
   */
  async addHostForward(forward: HostForward): Promise<void> {
    await this.#change(async () => this.#forwards.push(await this.#forward(forward)));
  }

  /**
   * Removes the forward with this host end. Throws SwitchError ENOENT if there is none, and EIO while the stack
   * restarts.
   */
  async removeHostForward(place: HostPlace): Promise<void> {
    await this.#change(() => this.#removeHostForward(place));
  }

  async #removeHostForward(place: HostPlace): Promise<void> {
    const wanted = formatHostPlace(place);
    const at = this.#forwards.findIndex(({ host }) => formatHostPlace(host) === wanted);
    if (at < 0) throw new SwitchError('ENOENT', `nothing is forwarded from ${wanted}`);
    const [found] = this.#forwards.splice(at, 1);
    try {
      await this.#ask(`remove ${found!.host.protocol} ${spellHost(found!.host)}`);
    } finally {
      await this.#unlink(found!);
    }
  }

  /** Returns libslirp's table of forwards and connections. */
  async info(): Promise<string> {
    return this.#ask('info');
  }

  stats(): AttachmentStats {
    const now = this.#stack?.stats;
    const total = (name: keyof StackStats) => this.#before[name] + (now?.[name] ?? 0);
    return {
      connections: now?.connections ?? 0,
      forwards: this.#forwards.length,
      restarts: this.#restarts,
      ignored: total('notForUs'),
      leases: now?.leases ?? 0,
      leases_refused: total('leasesRefused'),
      drop_too_short: total('tooShort'),
      drop_too_long: total('tooLong'),
      drop_fragment: total('fragments'),
      drop_not_taken: total('notTaken'),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#reservation.release();
    await this.#stack?.end();
    native.closeDescriptor(this.#frames);
    for (const forward of this.#forwards) await this.#unlink(forward);
    this.#request.close();
  }

  #attach(fd: number): void {
    this.#reservation.attach({
      transport: { kind: 'datagram', fd },
      description: this.#request.description,
      ended: (why) => {
        this.#host.log(`the user-mode network is closed: ${why}`);
        this.#host.end();
      },
    });
  }

  async #start(): Promise<void> {
    const stack = await StackProcess.start(this.#request.settings, this.#frames, {
      complained: (line) => this.#logSome(`libslirp says: ${line}`, 'warning'),
      told: (word, rest) => this.#hear(word, rest),
      died: (why) => this.#died(why),
    });
    this.#startedAt = Date.now();
    this.#stack = stack;
    if (this.#closed) await stack.end();
  }

  #died(why: string): void {
    const stats = this.#stack?.stats;
    this.#stack = undefined;
    if (stats) for (const name of Object.keys(stats) as (keyof StackStats)[]) this.#before[name] += stats[name];
    if (Date.now() - this.#startedAt > SOUND_MS) this.#retryMs = RETRY_FIRST_MS;
    this.#host.reconnecting(`the user-mode stack died: ${why}`);
    this.#host.log(`the user-mode stack died: ${why}; its connections are lost, and it is being restarted`, 'warning');
    this.#startLater();
  }

  #startLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#startAgain(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  async #startAgain(): Promise<void> {
    try {
      await this.#start();
      this.#restarts++;
    } catch (error) {
      this.#host.log(`the user-mode stack could not be restarted: ${(error as Error).message}`, 'warning');
      return this.#startLater();
    }
    // The new process must not lease addresses that guests already have.
    for (const { mac, ipv4, leased } of this.#guests.list)
      if (leased) await this.#ask(`lease ${mac} ${ipv4}`).catch(() => {});
    await this.#change(async () => {
      for (const forward of this.#forwards)
        await this.#forward(forward).catch((error: Error) => this.#host.log(error.message, 'warning'));
    });
  }

  #hear(word: string, rest: string): void {
    switch (word) {
      case 'guests':
        this.#guests.update(rest.split(' '));
        this.#followLater();
        return;
      case 'full': {
        const reclaimable = this.#guests.reclaimable(rest.split(' ').filter((mac) => mac !== ''));
        const [state, ...macs] = 'gone' in reclaimable ? ['gone', reclaimable.gone] : ['quiet', ...reclaimable.quiet];
        // If the stack has died, its successor asks again.
        this.#ask(['reclaim', state, ...macs].join(' ')).catch(() => {});
        return;
      }
      case 'note':
        this.#logSome(rest, 'info');
        return;
      case 'warning':
        this.#logSome(rest, 'warning');
        return;
    }
  }

  #followLater(): void {
    if (this.#stack && this.#forwards.some(({ guest }) => guest.address === undefined))
      void this.#change(() => this.#follow()).catch(() => {}); // if the stack has died, its successor gets all forwards
  }

  /** Moves the forwards without a guest address to the guest that Guests.only() selects. */
  async #follow(): Promise<void> {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const address = this.#guests.only(family, this.#followed[family]);
      if (this.#closed || address === this.#followed[family]) continue;
      this.#followed[family] = address;
      for (const forward of this.#forwards) {
        if (forward.guest.address !== undefined || familyOf(forward) !== family) continue;
        await this.#ask(`remove ${forward.host.protocol} ${spellHost(forward.host)}`);
        await this.#forward(forward).catch((error: Error) => this.#host.log(error.message, 'warning'));
        this.#logSome(`hostfwd ${formatHostForward(forward)} now leads to ${address}`, 'info');
      }
    }
  }

  /** Queues a change to the forwards. Changes run one at a time, in order. */
  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changed.then(change);
    this.#changed = result.catch(() => {});
    return result;
  }

  /** Asks the stack to add a forward. Returns the forward with the host port that was opened. */
  async #forward({ host, guest }: HostForward): Promise<HostForward> {
    const rule = formatHostForward({ host, guest });
    if ('path' in host) await makeWay(host.path);
    const family = familyOf({ host, guest });
    const any = this.#followed[family] ?? (family === 'ipv6' ? '::' : '0.0.0.0');
    const stack = this.#running();
    const line = `add ${host.protocol} ${spell(guest, any)} ${spellHost(host)}`;
    const socket = attempt(`add hostfwd ${rule}`, () => bindHost(host));
    const [error = 0, port = 0] = (await stack.forward(line, socket)).split(' ').map(Number);
    if (error !== 0) throw new SwitchError(nameOf(error), `cannot add hostfwd ${rule}: ${strerror(error)}`);
    if ('path' in host || host.place.port !== 0) return { host, guest };
    this.#host.log(`hostfwd ${rule} has port ${port}`);
    return { host: { ...host, place: { ...host.place, port } }, guest };
  }

  async #ask(line: string): Promise<string> {
    return this.#running().ask(line);
  }

  #running(): StackProcess {
    if (this.#stack) return this.#stack;
    throw new SwitchError('EIO', 'the user-mode stack is being restarted');
  }

  /** Removes the file of a forwarded unix socket, which libslirp leaves behind. */
  async #unlink({ host }: HostForward): Promise<void> {
    if ('path' in host) await unlink(host.path).catch(() => {});
  }

  /** Logs an event that guests can cause. Logs at most LINES_A_MINUTE lines of each level per minute. */
  #logSome(line: string, level: LogLevel): void {
    const minute = Math.floor(Date.now() / 60_000);
    const counts = this.#logged.minute === minute ? this.#logged : { minute, info: 0, warning: 0 };
    this.#logged = counts;
    const kind = level === 'warning' ? 'warning' : 'info';
    if (++counts[kind] <= LINES_A_MINUTE) this.#host.log(line, level);
  }
}

/** Returns the address family of a forward's guest, for a rule that gives no guest address. */
function familyOf({ host }: HostForward): 'ipv4' | 'ipv6' {
  return !('path' in host) && host.place.address?.includes(':') ? 'ipv6' : 'ipv4';
}

/** Binds the socket at the host's end of a forward. The stack, which has no privileges, gets it. */
function bindHost(host: HostPlace): number {
  if ('path' in host) return native.listenUnix(host.path);
  const { address = '0.0.0.0', port } = host.place;
  return native.bindInternet(host.protocol, { address, port });
}

function spellHost(host: HostPlace): string {
  return 'path' in host ? `unix ${host.path}` : spell(host.place, '0.0.0.0');
}

function spell({ address, port }: InetPlace, any: string): string {
  return `${address ?? any} ${port}`;
}

const CODES: readonly ErrnoName[] = ['EACCES', 'EADDRINUSE', 'EINVAL', 'ENOENT', 'EPERM'];

function nameOf(error: number): ErrnoName {
  return CODES.find((code) => errnoNumber(code) === error) ?? 'EIO';
}

// Joins a VDE switch as a client: the handshake on the control socket, and the client's own data socket.
import { once } from 'node:events';
import { chmodSync, chownSync, realpathSync, statSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename } from 'node:path';
import { type ErrnoName, SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';
import { ADDRESS_SIZE, addressPath, formatAddress, formatRequest } from '../protocol/request.ts';
import { groupId } from '../system/accounts.ts';
import { describeError } from '../system/errno.ts';
import { native } from '../system/native.ts';
import { randomBytes } from '../system/random.ts';

/** Which port a plug takes, and how it describes itself. */
export interface PlugOptions {
  /** The switch port to take, 0 to 65535; default any free one. Port 0 is given only to clients that ask for it. */
  port?: number;
  /**
   * The description that the switch's console shows; a switch in another process keeps its first 127 bytes. Default
   * empty.
   */
  description?: string;
}

/** How a plug joins a switch through its control directory. */
export interface JoinOptions extends PlugOptions {
  /** Permissions of the plug's own socket; default 0o700. */
  mode?: number;
  /** The name of the group that the plug's socket belongs to. */
  group?: string;
  /** Abandons the attempt to join; has no effect once the plug is connected. */
  signal?: AbortSignal;
}

const PLUG_OPTIONS = { port: true, description: true } satisfies Record<keyof PlugOptions, true>;
const JOIN_OPTIONS = { ...PLUG_OPTIONS, mode: true, group: true, signal: true } satisfies Record<
  keyof JoinOptions,
  true
>;

/** A port that a client has at a switch for as long as `control` is open. */
export interface Joined {
  control: Socket;
  /** The data socket, non-blocking, connected to the switch. The caller owns it. */
  fd: number;
  /** The path of the switch's data socket, `DIR/001.5`. */
  switchPath: string;
  /** The path of the client's own socket. The file is kept only with `keepName`. */
  ownPath: string;
}

/** The options of joinSwitch(). */
export interface HandshakeOptions extends JoinOptions {
  /** Keeps the file of the client's own socket, which joinAgain() needs. */
  keepName?: boolean;
}

/** The directories in which the client's own socket is made if the switch's directory is not writable. */
const FALLBACK_DIRECTORIES = ['/var/run', '/tmp'];

const REPLY_TIMEOUT_MS = 5000;

/** Throws SwitchError EINVAL for an option that Switch.plug() does not have. */
export function checkPlugOptions(options: PlugOptions): void {
  checkOptions(options, PLUG_OPTIONS);
}

/** Throws SwitchError EINVAL for an option that Plug.connect() does not have. */
export function checkJoinOptions(options: JoinOptions): void {
  checkOptions(options, JOIN_OPTIONS);
}

/**
 * Joins a switch, for callers that use the descriptors themselves. Throws SwitchError, or the abort signal's reason.
 */
export async function joinSwitch(directory: string, options: HandshakeOptions = {}): Promise<Joined> {
  const { port, description = '', signal } = options;
  signal?.throwIfAborted();
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    return fail(directory, new SwitchError('EINVAL', `port ${port} is not one of 0 to 65535`));
  const path = resolve(directory);
  const control = await connectTo(`${path}/ctl`).catch((error) => fail(directory, error));
  let fd = -1;
  let ownPath: string | undefined;
  const giveUp = () => control.destroy();
  signal?.addEventListener('abort', giveUp);
  try {
    signal?.throwIfAborted();
    ({ fd, path: ownPath } = bindOwn(path));
    admitSwitch(`${path}/ctl`, ownPath, options);
    const wanted = port === undefined ? ({ kind: 'any' } as const) : ({ kind: 'number', number: port } as const);
    control.write(formatRequest({ wanted, address: formatAddress(ownPath), description }));
    const address = await readReply(control, port);
    native.connectDatagram(fd, address);
    const joined = { control, fd, switchPath: addressPath(address)?.toString() ?? '', ownPath };
    if (options.keepName) ownPath = undefined;
    return joined;
  } catch (error) {
    control.destroy();
    if (fd >= 0) native.closeDescriptor(fd);
    signal?.throwIfAborted();
    return fail(directory, error);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    // Both sockets are connected by now, or joining has failed: the file is no longer needed. Nothing is awaited here, since
    // the caller could otherwise miss the connection's 'close'.
    if (ownPath !== undefined) removeOwn(ownPath);
  }
}

/** Opens a connection for joinAgain(). Throws SwitchError, as joinSwitch() does. */
export async function connectControl(directory: string): Promise<Socket> {
  return connectTo(`${directory}/ctl`).catch((error) => fail(directory, error));
}

/**
 * Joins the same port again over the connection `second`, with another description and the same data socket, and then
 * ends the first connection. The switch keeps what it has learned about the port; frames sent meanwhile are lost. If
 * the switch refuses, the first connection stays. The file of the client's own socket is removed in either case.
 */
export async function joinAgain(first: Joined, second: Socket, description: string): Promise<void> {
  const port = Number.parseInt(basename(first.switchPath), 10);
  const request = formatRequest({
    wanted: { kind: 'number', number: port },
    address: formatAddress(first.ownPath),
    description,
  });
  let address = formatAddress(first.switchPath);
  try {
    // Disconnect our socket first: the switch's new socket cannot connect to ours while ours is connected to another.
    native.connectDatagram(first.fd, Buffer.alloc(ADDRESS_SIZE));
    second.write(request);
    address = await readReply(second, port);
  } finally {
    removeOwn(first.ownPath);
    native.connectDatagram(first.fd, address);
  }
  await disconnect(first.control);
}

/**
 * Shuts down a connection even if other processes have its descriptor, and waits until the switch has closed its end.
 */
async function disconnect(control: Socket): Promise<void> {
  if (control.destroyed) return;
  const closed = once(control, 'close');
  control.setTimeout(REPLY_TIMEOUT_MS, () => control.destroy());
  control.resume();
  control.end();
  await closed;
}

/**
 * Sets the mode and group of our socket so that the switch can send to it. If the caller grants access to no one else,
 * a switch that runs neither as root nor as our user could not send. In that case the switch's group gets access too
 * or, if we may not set that group, every user.
 */
function admitSwitch(controlPath: string, ownPath: string, { mode = 0o700, group }: JoinOptions): void {
  if (group !== undefined) chownSync(ownPath, -1, groupId(group));
  const { uid, gid } = statSync(controlPath);
  const needed = group === undefined && (mode & 0o077) === 0 && uid !== 0 && uid !== process.geteuid?.();
  chmodSync(ownPath, needed ? mode | (giveToGroup(ownPath, gid) ? 0o070 : 0o077) : mode);
}

/** Returns whether we may set the group of the file to this one. */
function giveToGroup(path: string, gid: number): boolean {
  try {
    chownSync(path, -1, gid);
    return true;
  } catch {
    return false;
  }
}

/** Removes the file of our own socket. A file that cannot be removed is left behind. */
export function removeOwn(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone, or its directory may not be written to any more.
  }
}

function resolve(directory: string): string {
  try {
    return realpathSync.native(directory);
  } catch (error) {
    return fail(directory, error);
  }
}

/** Error codes that callers act on; any other error becomes EIO. */
const TELLING: readonly ErrnoName[] = ['EACCES', 'ECONNREFUSED', 'EINVAL', 'ENOENT'];

function fail(directory: string, error: unknown): never {
  const code = TELLING.find((name) => name === (error as NodeJS.ErrnoException).code) ?? 'EIO';
  throw new SwitchError(code, `cannot join the switch at '${directory}': ${describeWhy(error)}`);
}

function describeWhy(error: unknown): string {
  return error instanceof SwitchError ? error.message : describeError(error);
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const stream = connect(path);
    stream.once('error', reject);
    stream.once('connect', () => {
      stream.off('error', reject);
      stream.on('error', () => {}); // 'close' follows
      resolve(stream);
    });
  });
}

/**
 * Binds our own socket to a name like those of other clients, `.01819-00000`. The digits after the process ID are
 * random, since a process may have many sockets.
 */
function bindOwn(directory: string): { fd: number; path: string } {
  let last: unknown;
  for (const parent of [directory, ...FALLBACK_DIRECTORIES]) {
    const path = `${parent}/.${String(process.pid).padStart(5, '0')}-${randomBytes(4).readUInt32LE()}`;
    try {
      return { fd: native.openDatagram(path, null), path };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/**
 * Returns the error for a refusal. The protocol carries no reason: a switch that refuses a client sends nothing, and at
 * most closes the connection.
 */
function refusal(port: number | undefined): SwitchError {
  const likely =
    port === undefined ? 'no port is free, or this user may not join' : 'the port is taken, reserved or out of range';
  return new SwitchError('ECONNREFUSED', `it refused: ${likely}; its log says why`);
}

function readReply(control: Socket, port: number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let reply = Buffer.alloc(0);
    const refused = () => reject(refusal(port));
    if (control.destroyed) return refused();
    control.once('close', refused);
    // This timeout is needed since vde_switch neither answers nor disconnects a client for which it has no port.
    control.setTimeout(REPLY_TIMEOUT_MS, () =>
      reject(new SwitchError('EIO', `it did not answer in ${REPLY_TIMEOUT_MS / 1000} s`)),
    );
    const read = (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.length < ADDRESS_SIZE) return;
      control.off('data', read);
      control.off('close', refused);
      control.setTimeout(0);
      control.pause();
      resolve(reply.subarray(0, ADDRESS_SIZE));
    };
    control.on('data', read);
  });
}

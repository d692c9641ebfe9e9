// Finds the vhost-user socket of a switch: asks the console of the process that serves the switch's control directory.
// A vhost-user socket gives a switch the guest's memory, so the console of another process is not believed.
import { realpathSync } from 'node:fs';
import { ConsoleClient, connectTo } from '../ctl/console-client.ts';
import { type AttachmentData, dataFrom } from '../ctl/console-data.ts';
import { findConsoles } from '../ctl/find-console.ts';
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { ExitError } from '../system/exit-error.ts';
import { descriptorOf, native } from '../system/native.ts';

const TIMEOUT_SECONDS = 5;

/**
 * Asks the switches for their vhost-user sockets. Returns a function that returns the path for one of the targets, or
 * throws the SwitchError that says why there is none.
 */
export async function findVhostSockets(targets: readonly Target[]): Promise<(target: Target) => string> {
  const found = new Map<string, string | SwitchError>();
  for (const { directory } of targets) {
    if (!found.has(directory)) found.set(directory, await findVhostSocket(directory).catch(asSwitchError));
  }
  return ({ directory }) => {
    const path = found.get(directory);
    if (typeof path === 'string') return path;
    throw path ?? new SwitchError('ENOENT', `the vhost-user socket of '${directory}' is not known`);
  };
}

async function findVhostSocket(directory: string): Promise<string> {
  const named = await Promise.all(findConsoles().map((console) => socketsNamedBy(console, directory)));
  const paths = named.find((paths) => paths !== undefined);
  if (paths === undefined)
    throw new SwitchError(
      'ENOENT',
      `the switch at '${directory}' has no console (--mgmt) to name its vhost-user socket: give --vhost-socket`,
    );
  const [path, ...others] = paths;
  if (path === undefined)
    throw new SwitchError(
      'ENOENT',
      `the switch at '${directory}' has no vhost-user socket: attach --port vhost-user,server=on,path=…`,
    );
  if (others.length > 0)
    throw new SwitchError(
      'EINVAL',
      `the switch at '${directory}' has the vhost-user sockets ${paths.join(' and ')}: choose by --vhost-socket`,
    );
  return path;
}

/**
 * Returns the vhost-user sockets that a console names, or undefined if it is not the console of the directory's switch.
 */
async function socketsNamedBy(console: string, directory: string): Promise<string[] | undefined> {
  let client: ConsoleClient | undefined;
  try {
    client = await ConsoleClient.connect(console, { timeoutSeconds: TIMEOUT_SECONDS });
    if (!client.isOurs) return undefined;
    const ask = dataFrom(client);
    const control = await ask<{ directory: string } | undefined>('ds/showinfo');
    if (control === undefined || realPath(control.directory) !== realPath(directory)) return undefined;
    if ((await serverOf(console)) !== (await serverOf(`${directory}/ctl`))) return undefined;
    const attachments = await ask<AttachmentData[]>('port/attached');
    return attachments.flatMap(({ kind, addresses }) => (kind === 'vhost-user' ? addresses : []));
  } catch (error) {
    if (error instanceof ExitError) return undefined;
    throw error;
  } finally {
    client?.close();
  }
}

/** Identifies the process that listens on a socket. */
async function serverOf(path: string): Promise<string> {
  const socket = await connectTo(path);
  try {
    const { pid, uid } = native.peerCredentials(descriptorOf(socket));
    return `pid ${pid}, uid ${uid}`;
  } finally {
    socket.destroy();
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function asSwitchError(error: unknown): SwitchError {
  if (error instanceof SwitchError) return error;
  throw error;
}

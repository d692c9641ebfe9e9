// Connects a stream, without trying again after a failure. Nothing has been read from the descriptor that dial()
// returns.
import { Socket, type SocketConnectOpts } from 'node:net';
import { native } from '../system/native.ts';
import { resolveHosts } from './internet.ts';
import { type StreamAddress, takeDescriptor } from './stream-address.ts';

/** How long a peer may take to answer. The kernel's own limit is two minutes. */
const ANSWER_MS = 5000;

/**
 * Tries each address of the host in turn, and returns the descriptor of the first connection. Throws SwitchError and
 * system errors.
 */
export async function dial(address: StreamAddress, signal: AbortSignal): Promise<number> {
  if (address.type === 'abstract') return native.connectUnix(address.name);
  if (address.type === 'unix') return connectTo({ path: address.path }, false, signal);
  const { host, port, family, keepAlive } = address;
  let failure: unknown;
  for (const one of await resolveHosts(host || 'localhost', family, signal)) {
    try {
      return await connectTo({ host: one, port }, keepAlive, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function connectTo(where: SocketConnectOpts, keepAlive: boolean, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // Node would connect a socket even if its signal is aborted already.
    signal.throwIfAborted();
    // The socket is paused before it connects, so that Node reads nothing.
    const socket = new Socket({ signal }).pause();
    socket.once('error', reject);
    socket.setTimeout(ANSWER_MS, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    socket.connect(where, () => {
      try {
        resolve(takeDescriptor(socket, keepAlive));
      } catch (error) {
        reject(error);
      }
    });
  });
}

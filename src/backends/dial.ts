// One attempt to connect a stream: a descriptor of which nothing has been read, or why not.
import { Socket, type SocketConnectOpts } from 'node:net';
import { native } from '../system/native.ts';
import { resolveHosts } from './internet.ts';
import { type StreamAddress, takeDescriptor } from './stream-address.ts';

/** Whoever does not answer by then is tried again; the kernel alone would take two minutes. */
const ANSWER_MS = 5000;

/** A name may have several addresses: the first that answers counts. */
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
    // A socket whose signal has come already is destroyed, and would connect all the same.
    signal.throwIfAborted();
    // Paused before it is connected: not a byte is read here.
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

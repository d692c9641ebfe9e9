// A lock that the kernel releases when the process that holds it ends: an abstract unix socket, which leaves no file
// behind.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Runs the action while holding the lock `name`. If another process holds the lock, waits until it is released. */
export async function withLock(name, action) {
  const path = `\0${name}`;
  let server = await listen(path);
  if (!server) console.error('Waiting for another build of this checkout');
  while (!server) {
    await endOf(path);
    server = await listen(path);
  }
  const waiting = new Set();
  server.on('connection', (socket) => {
    waiting.add(socket);
    socket.on('error', () => {});
  });
  try {
    return await action();
  } finally {
    for (const socket of waiting) socket.destroy();
    server.close();
  }
}

/** Returns a server that holds the lock, or undefined if another process holds it. */
async function listen(path) {
  const server = createServer().listen(path);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

/** Resolves when the process that holds the lock has released it or has ended. */
function endOf(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', () => {});
    socket.on('close', resolve);
    socket.resume();
  });
}

// A terminal that nobody reads (Ctrl-S, a terminal of a container) takes nothing more once it is full. Node writes to one as
// to a file and waits, with everything that it does; ours is to be written to as a pipe is, and what has no room kept or lost.
import { isatty, type WriteStream } from 'node:tty';

/** Node's own, without a name of its own for this. */
interface Handle {
  fd: number;
  setBlocking(blocking: boolean): void;
}

/** Makes standard output and error streams that wait for nobody. */
export function waitForNoReader(): void {
  if (isatty(1)) unblock(process.stdout);
  if (isatty(2)) unblock(process.stderr);
}

/**
 * Node has opened the terminal again for itself, so that this is nothing to the others who have it, as the shell. One that is
 * another user's it cannot open; that one is theirs, and stays as it is.
 */
function unblock(stream: WriteStream): void {
  const { fd, _handle: handle } = stream as WriteStream & { fd: number; _handle: Handle };
  if (handle.fd !== fd) handle.setBlocking(false);
}

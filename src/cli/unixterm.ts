// unixterm, as vde2 has it: what is typed goes to a unix stream socket, and what comes from there is shown. Nothing in between.
import { connectTo, NO_REPLY } from '../ctl/console-client.ts';
import { ExitError } from '../system/exit-error.ts';
import { leave, takeName } from './streams.ts';

const NAME = 'unixterm';
/** After the end of stdin: as long as this nothing may come before it is the end. */
const SILENCE_MS = 1000;

export async function main(argv: readonly string[]): Promise<void> {
  takeName(NAME, argv);
  await leave(NAME, run(argv));
}

async function run([path]: readonly string[]): Promise<number> {
  if (path === undefined) throw new ExitError(NO_REPLY, 'name a unix socket: unixterm PATH');
  const socket = await connectTo(path);
  process.stdin.pipe(socket); // its end is the end of our side: the peer may still answer what it was asked
  process.stdin.once('end', () => socket.setTimeout(SILENCE_MS, () => socket.destroy()));
  socket.on('error', () => {}); // 'close' follows
  socket.pipe(process.stdout);
  await new Promise((resolve) => socket.once('close', resolve));
  process.stdin.destroy();
  return 0;
}

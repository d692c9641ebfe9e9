// unixterm, as in vde2: connects stdin and stdout to a unix stream socket, and passes all bytes on unchanged.
import { connectTo, NO_REPLY } from '../ctl/console-client.ts';
import { ExitError } from '../system/exit-error.ts';
import { takeName } from '../system/process.ts';
import { runProgram, standardInput } from './streams.ts';

const NAME = 'unixterm';
/** How long the peer may be silent after the end of stdin before the program ends, in milliseconds. */
const SILENCE_MS = 1000;

export async function main(argv: readonly string[]): Promise<void> {
  await runProgram(NAME, run(argv));
}

async function run(argv: readonly string[]): Promise<number> {
  takeName(NAME, argv);
  const [path] = argv;
  if (path === undefined) throw new ExitError(NO_REPLY, 'name a unix socket: unixterm PATH');
  const socket = await connectTo(path);
  const input = standardInput();
  input.pipe(socket); // the end of stdin closes only our sending side, since the peer may still answer
  input.once('end', () => socket.setTimeout(SILENCE_MS, () => socket.destroy()));
  socket.on('error', () => {}); // 'close' follows
  socket.pipe(process.stdout);
  await new Promise((resolve) => socket.once('close', resolve));
  return 0;
}

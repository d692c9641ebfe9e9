// tsvdectl events: shows the events of a switch as they occur, until interrupted.
import { Command, Option } from 'commander';
import { NO_REPLY } from '../ctl/console-client.ts';
import { openStream } from '../ctl/stream-client.ts';
import { describeEvent } from '../switch/event-text.ts';
import type { FeedEvent } from '../switch/events.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { print } from './streams.ts';
import { type Invocation, parseWords } from './sub-program.ts';

export async function events({ words, path, timeout, json }: Invocation): Promise<number> {
  const program = parseWords(defineEvents(), words, NO_REPLY);
  const asJson = json || program.opts<{ json?: true }>().json === true;
  const socket = await openStream(path(), 'events/stream', 'events', timeout);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => socket.destroy());
  const failure = new Promise<Error | undefined>((resolve) =>
    socket.once('close', () => resolve(socket.errored ?? undefined)),
  );
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines.filter((line) => line !== '')) {
      if (!asJson) print(`${describeEvent(JSON.parse(line) as FeedEvent)}\n`);
      else if (!process.stdout.write(`${line}\n`)) waitForReader();
    }
  });
  /** Stops reading until our own reader has read: the switch then counts the events that do not fit. */
  function waitForReader(): void {
    socket.pause();
    process.stdout.once('drain', () => socket.resume());
  }
  const error = await failure;
  if (error) throw new ExitError(NO_REPLY, `events: ${describeError(error)}`);
  return 0;
}

/** Returns the definition of `tsvdectl events`. */
export function defineEvents(): Command {
  return new Command('tsvdectl events')
    .usage('[--json]')
    .description(
      'Shows who joins and leaves, names, addresses, VLANs, spanning trees, attachments that reconnect, and drops that ' +
        'begin and end, until interrupted.',
    )
    .addOption(new Option('--json', 'show each event as one line of JSON'))
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

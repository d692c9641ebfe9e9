// Commands that come a line each, for as long as there are lines and a console to give them to.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ConsoleClient } from './console-client.ts';
import type { ConsoleReply } from './reply-reader.ts';

/** `give` returns the reply, or nothing where a failure was told. Throws ExitError when the console goes by itself. */
export async function giveLines(
  client: ConsoleClient,
  input: Readable,
  give: (line: string) => Promise<ConsoleReply | undefined>,
): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // Whoever holds the input open need not know that there is nobody left to be asked.
  void client.ended.then(() => lines.close());
  for await (const line of lines) if ((await give(line))?.ended) return;
  const why = await Promise.race([client.ended, undefined]);
  if (why) throw why;
}

// Sends the commands of an input, one per line, until the input or the console ends.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ConsoleClient } from './console-client.ts';

/**
 * Passes each line to `give`, which returns whether the line ended the session. Throws ExitError if the console
 * disconnects.
 */
export async function giveLines(
  client: ConsoleClient,
  input: Readable,
  give: (line: string) => Promise<{ ended: boolean }>,
): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // The input may stay open after the console has ended.
  void client.ended.then(() => lines.close());
  for await (const line of lines) if ((await give(line)).ended) return;
  const reason = await Promise.race([client.ended, undefined]);
  if (reason) throw reason;
}

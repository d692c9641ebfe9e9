// Consoles of tsvde and of Debian's vde_switch, for the tests of console clients.
import { ConsoleClient } from './console.ts';
import { temporaryDirectory } from './temporary.ts';
import { startTsvde } from './tsvde.ts';
import { startVdeSwitch } from './vde-switch.ts';

export interface Console {
  path: string;
  /** Sends a line in a session apart from that of the client under test, and returns the reply. */
  ask(line: string): Promise<string>;
}

export const consoles = {
  tsvde: () => serve((home) => startTsvde(['-M', `${home}/mgmt`])),
  vde_switch: () => serve((home) => startVdeSwitch(`${home}/ctl`, ['-M', `${home}/mgmt`])),
} satisfies Record<string, () => Promise<Console>>;

async function serve(startSwitch: (home: string) => Promise<unknown>): Promise<Console> {
  const home = temporaryDirectory();
  await startSwitch(home);
  const path = `${home}/mgmt`;
  const client = await ConsoleClient.connect(path);
  return { path, ask: (line) => client.ask(line) };
}

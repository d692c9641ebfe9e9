// tsvdectl extcap: answers Wireshark, which runs contrib/wireshark/tsvde to list interfaces and their options, and to
// capture into a pipe.
import { createWriteStream } from 'node:fs';
import { Command, Option } from 'commander';
import { captureWords, openCapture } from '../ctl/capture-client.ts';
import { ConsoleClient, NO_REPLY } from '../ctl/console-client.ts';
import { dataFrom, type PortData } from '../ctl/console-data.ts';
import {
  describeInterfaces,
  describeLinkTypes,
  describeOptions,
  type ExtcapInterface,
  interfacesOf,
} from '../ctl/extcap-text.ts';
import { findConsoles } from '../ctl/find-console.ts';
import { ExitError } from '../system/exit-error.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { writeTo } from './capture.ts';
import { type Invocation, parseWords } from './sub-program.ts';

interface Parsed {
  extcapInterfaces?: true;
  extcapInterface?: string;
  extcapDlts?: true;
  extcapConfig?: true;
  extcapCaptureFilter?: string;
  capture?: true;
  fifo?: string;
  port?: string;
  direction?: string;
  snaplen?: string;
  drops?: true;
}

/** How long a console may take to answer. Wireshark waits for all of them. */
const TIMEOUT_SECONDS = 2;

export async function extcap({ words }: Invocation): Promise<number> {
  const given = parseWords(define(), words, NO_REPLY).opts<Parsed>();
  const show = (lines: readonly string[]) => process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  const interfaces = interfacesOf(await openableConsoles());
  if (given.extcapInterfaces) {
    show(describeInterfaces(TSVDE_VERSION, interfaces));
    return 0;
  }
  const found = interfaces.find(({ value }) => value === given.extcapInterface);
  if (!found)
    throw new ExitError(
      NO_REPLY,
      `extcap: there is no interface '${given.extcapInterface ?? ''}': no such switch runs`,
    );
  if (given.extcapDlts) show(describeLinkTypes());
  else if (given.extcapConfig) show(describeOptions(await portsOf(found)));
  else if (given.capture) return await captureFrom(found, given);
  else if (given.extcapCaptureFilter !== undefined) await showInvalid(found, given);
  else throw new ExitError(NO_REPLY, 'extcap: Wireshark runs this program; see extcap(4)');
  return 0;
}

/** Returns the consoles of all switches of tsvde that may be opened, with the names of the switches. */
async function openableConsoles(): Promise<{ path: string; name: string }[]> {
  const asked = findConsoles().map(async (path) => {
    const client = await ConsoleClient.connect(path, { timeoutSeconds: TIMEOUT_SECONDS }).catch(() => undefined);
    if (!client) return [];
    try {
      return client.isOurs ? [{ path, ...(await dataFrom(client)<{ name: string }>('showinfo')) }] : [];
    } catch {
      return []; // the switch has just ended
    } finally {
      client.close();
    }
  });
  return (await Promise.all(asked)).flat();
}

async function portsOf({ path }: ExtcapInterface): Promise<PortData[]> {
  const client = await ConsoleClient.connect(path, { timeoutSeconds: TIMEOUT_SECONDS });
  try {
    return await dataFrom(client)<PortData[]>('port/allprint');
  } finally {
    client.close();
  }
}

async function captureFrom({ path }: ExtcapInterface, given: Parsed): Promise<number> {
  if (given.fifo === undefined) throw new ExitError(NO_REPLY, 'extcap: --capture needs --fifo');
  const live = await openCapture(path, pairsOf(given), TIMEOUT_SECONDS);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => live.end());
  await writeTo(live, given.fifo, createWriteStream(given.fifo));
  return 0;
}

/** Shows what is wrong with a filter, and nothing if it is valid: Wireshark colours the filter accordingly. */
async function showInvalid({ path }: ExtcapInterface, { extcapCaptureFilter = '' }: Parsed): Promise<void> {
  try {
    (await openCapture(path, pairsOf({ extcapCaptureFilter }), TIMEOUT_SECONDS)).abandon();
  } catch (error) {
    process.stdout.write(`${(error as ExitError).message}\n`);
  }
}

function pairsOf({ port, direction, snaplen, drops, extcapCaptureFilter }: Parsed): string {
  const values = {
    port: port || undefined,
    direction,
    snaplen: snaplen === '0' ? undefined : snaplen,
    drops: drops && 'on',
  };
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && !/^[^\s="]+$/.test(value))
      throw new ExitError(NO_REPLY, `extcap: '${value}' is not a valid ${key}`);
  }
  return captureWords(values, (extcapCaptureFilter ?? '').replace(/[\r\n]+/g, ' ').trim());
}

function define(): Command {
  return new Command('tsvdectl extcap')
    .description('Answers Wireshark; see contrib/wireshark/tsvde.')
    .addOption(new Option('--extcap-version <version>', "Wireshark's version"))
    .addOption(new Option('--extcap-interfaces', 'list the switches'))
    .addOption(new Option('--extcap-interface <name>', 'the switch'))
    .addOption(new Option('--extcap-dlts', 'list the link types'))
    .addOption(new Option('--extcap-config', 'list the options'))
    .addOption(new Option('--extcap-reload-option <option>', 'list the values of an option again'))
    .addOption(new Option('--extcap-capture-filter <filter>', 'the filter; without --capture, only check it'))
    .addOption(new Option('--capture', 'capture into the pipe'))
    .addOption(new Option('--fifo <path>', 'the pipe'))
    .addOption(new Option('--port <ports>', 'only these ports'))
    .addOption(new Option('--direction <direction>', 'rx, tx or both'))
    .addOption(new Option('--snaplen <bytes>', 'keep only the first <bytes> bytes of each frame'))
    .addOption(new Option('--drops', 'also frames that are dropped'))
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

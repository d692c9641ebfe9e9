// The options of tsvde: vde_switch's and its own, grouped by subject, from words to values.
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { parsePortRequest, portHelp } from '../backends/kinds.ts';
import type { ManagementOptions } from '../console/server.ts';
import type { ListenOptions } from '../control/control.ts';
import { SwitchError } from '../protocol/errors.ts';
import type { SwitchOptions } from '../switch/switch.ts';
import { DEFAULT_PACING_MS } from '../switch/tuning.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { homeDirectory } from '../system/home-directory.ts';
import { TSVDE_VERSION, VDE_VERSION } from '../system/version.ts';
import type { LogOptions } from './log.ts';
import { normalize, spellingsOf, type Tolerate } from './long-only.ts';
import { octalLike } from './mode.ts';

export interface TsvdeOptions {
  switch: SwitchOptions;
  listen: ListenOptions;
  taps: string[];
  /** Specs, all of which can be read. */
  ports: string[];
  management: ManagementOptions | undefined;
  rcFile: string | undefined;
  metrics: string | undefined;
  pidFile: string | undefined;
  daemon: boolean;
  readStdin: boolean;
  log: LogOptions;
  /** Where to say that all is usable. */
  readyFd: number | undefined;
}

/** On the PATH, it takes the place of vde2's. */
const COMPAT_DIRECTORY = fileURLToPath(new URL('../../bin/compat', import.meta.url));

/** Other names that vde_switch knows an option by. */
const ALIASES = { sock: ['vdesock', 'unix'], mode: ['mod'] };

const octal = octalLike('660');

/** What vde_switch does not have must not make an abbreviation of its options ambiguous: `--s DIR` stays --sock. */
const NEVER_SHORTENED = [
  'strict-vlan',
  'port',
  'compat-path',
  'log-format',
  'quiet',
  'verbose',
  'ready-fd',
  'pacing',
  'busy-poll',
  'cpu',
];

/**
 * Throws ExitError; for --help and --version with what was printed. With `tolerate`, wrong options are passed over, as
 * vde_switch does.
 */
export function parseOptions(argv: readonly string[], name = 'tsvde', tolerate?: Tolerate): TsvdeOptions {
  const program = define(name);
  try {
    const words = normalize(argv, spellingsOf(program, ALIASES, NEVER_SHORTENED), tolerate);
    const readable = tolerate
      ? words.map(asVdeSwitch).filter((word) => isReadable(word, program.options, tolerate))
      : words;
    program.parse(readable, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (tolerate && error.code === 'commander.helpDisplayed') throw new ExitError(1, '');
    throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message);
  }
  if (program.args.length > 0 && tolerate) {
    program.outputHelp();
    throw new ExitError(1, '');
  }
  if (program.args.length > 0)
    throw new ExitError(1, `'${program.args[0]}' is not an option; the control directory is named by --sock`);
  return interpret(program.opts<Parsed>());
}

interface Parsed {
  hub?: true;
  fstp?: true;
  priority: number;
  strictVlan?: true;
  numports: number;
  macaddr?: string;
  pacing: number;
  busyPoll?: number;
  cpu?: number;
  hashsize: number;
  sock: string;
  mode?: number;
  dirmode?: number;
  group?: string;
  tap?: string[];
  mgmt?: string;
  mgmtmode: number;
  mgmtgroup?: string;
  rcfile?: string;
  nostdin?: true;
  metrics?: string;
  daemon?: true;
  pidfile?: string;
  logFormat: 'text' | 'json';
  quiet?: true;
  verbose?: true;
  readyFd?: number;
  port?: string[];
}

function define(name: string): Command {
  const program = new Command(name);
  // Under another's name there is no sub-command.
  if (name === 'tsvde') program.usage('[options]\n       tsvde plug [options] [[vde:]DIR[[PORT]]]');
  const group = (heading: string, ...options: Option[]) => {
    for (const option of options) program.addOption(option.helpGroup(heading));
  };
  group(
    'Switch:',
    new Option('-x, --hub', 'send every frame to every port'),
    new Option('-n, --numports <n>', 'use ports 1 to n').default(32).argParser(number),
    new Option('-F, --fstp', 'keep loops of switches open by spanning tree (not as a hub)'),
    new Option('--priority <n>', 'the priority in that, the lowest is root')
      .default(0x8000, '0x8000')
      .argParser(number),
    new Option('--strict-vlan', 'refuse tags of VLANs that were not created, as vde_switch does'),
    new Option('--macaddr <mac>', "the switch's own address (default: 00:ff and four random bytes)"),
    new Option('--hashsize <n>', 'number MAC table buckets up to n in the console').default(128).argParser(number),
  );
  group(
    'Control socket:',
    new Option('-s, --sock <dir>', 'the directory clients join by (also --vdesock, --unix)')
      .default(defaultDirectory(), defaultDirectory())
      .argParser(path),
    new Option('-m, --mode <octal>', 'rights of its ctl socket (also --mod; default: 0600)').argParser(octal),
    new Option('--dirmode <octal>', 'rights of the directory (default: 02700)').argParser(octal),
    new Option('-g, --group <name>', 'group of the directory and its sockets'),
  );
  group(
    'Ports:',
    new Option('-t, --tap <name>', 'attach a TAP; may be repeated, or name several with commas').argParser(list),
    new Option('--port <spec>', 'attach KIND,key=value,… (--port help shows the kinds); may be repeated').argParser(
      portSpec,
    ),
  );
  group(
    'Console:',
    new Option('-M, --mgmt <path>', 'serve the console on a socket').argParser(path),
    new Option('--mgmtmode <octal>', 'rights of that socket').default(0o600, '0600').argParser(octal),
    new Option('--mgmtgroup <name>', 'group of that socket'),
    new Option(
      '-f, --rcfile <file>',
      'run console commands at start (default: ~/.vde2/vde_switch.rc or /etc/vde2/vde_switch.rc)',
    ).argParser(path),
    new Option('--nostdin', 'leave stdin alone: no console there, and its end does not end the switch'),
  );
  group(
    'Performance:',
    new Option('--pacing <ms>', 'how long a sender waits at most while its only destination is full; 0: drop at once')
      .default(DEFAULT_PACING_MS)
      .argParser(number),
    new Option(
      '--busy-poll <us>',
      'look for more frames for so long before sleeping: less latency, more CPU',
    ).argParser(number),
    new Option('--cpu <n>', 'move frames on this CPU alone').argParser(number),
  );
  group('Metrics:', new Option('--metrics <address>', 'serve Prometheus metrics on [HOST:]PORT or unix:PATH'));
  group(
    'Process:',
    new Option('-d, --daemon', 'go on in the background once everything is usable'),
    new Option('-p, --pidfile <file>', 'write the process id to a file').argParser(path),
    new Option('--ready-fd <n>', 'write a newline to descriptor n, and close it, once everything is usable').argParser(
      number,
    ),
    new Option('-q, --quiet', 'log warnings alone'),
    new Option('--verbose', 'log clients that come and go too'),
    new Option('--log-format <format>', 'log lines as text or as json').choices(['text', 'json']).default('text'),
    new Option('-D, --debugclients <n>', 'without effect, as in vde_switch'),
  );
  return program
    .description('A virtual Ethernet switch for QEMU guests, TAPs and every program that speaks VDE.')
    .helpOption('-h, --help', 'show this')
    .addOption(
      new Option('--compat-path', 'show the directory of programs by the names that VDE has for them').helpGroup(
        'Process:',
      ),
    )
    .on('option:compat-path', () => {
      process.stdout.write(`${COMPAT_DIRECTORY}\n`);
      throw new ExitError(0, '');
    })
    .version(`VDE ${VDE_VERSION}\ntsvde ${TSVDE_VERSION}, MIT licence`, '-v, --version', 'show the version')
    .allowExcessArguments(true)
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** A negative number of ports can be read there, and is none. */
function asVdeSwitch(word: string): string {
  return word.replace(/^--numports=-\d.*$/s, '--numports=0');
}

/** Is it no option with a value that cannot be read? */
function isReadable(word: string, options: readonly Option[], tolerate: Tolerate): boolean {
  const [, long, value = ''] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  try {
    options.find((option) => option.long === long)?.parseArg?.(value, undefined);
    return true;
  } catch (error) {
    if (!(error instanceof ExitError) || error.exitCode === 0) throw error;
    tolerate(error.message);
    return false;
  }
}

function interpret(parsed: Parsed): TsvdeOptions {
  if (parsed.numports < 1) throw new ExitError(1, 'The switch must have at least 1 port');
  const { mode, dirmode, group, mgmt, mgmtmode, mgmtgroup } = parsed;
  return {
    switch: {
      hub: parsed.hub === true,
      fstp: parsed.fstp === true,
      priority: parsed.priority & 0xffff,
      strictVlan: parsed.strictVlan === true,
      numPorts: parsed.numports,
      hashSize: parsed.hashsize,
      pacingMs: parsed.pacing,
      ...(parsed.busyPoll === undefined ? {} : { busyPollUs: parsed.busyPoll }),
      ...(parsed.cpu === undefined ? {} : { cpu: parsed.cpu }),
      ...(parsed.macaddr === undefined ? {} : { mac: parsed.macaddr }),
    },
    listen: {
      directory: parsed.sock,
      ...(mode === undefined ? {} : { mode }),
      ...(dirmode === undefined ? {} : { dirMode: dirmode }),
      ...(group === undefined ? {} : { group }),
      portZeroMode: mgmtmode,
      ...(mgmtgroup === undefined ? {} : { portZeroGroup: mgmtgroup }),
    },
    taps: parsed.tap ?? [],
    ports: parsed.port ?? [],
    management:
      mgmt === undefined
        ? undefined
        : { path: mgmt, mode: mgmtmode, ...(mgmtgroup === undefined ? {} : { group: mgmtgroup }) },
    rcFile: parsed.rcfile ?? defaultRcFile(),
    metrics: parsed.metrics,
    pidFile: parsed.pidfile,
    daemon: parsed.daemon === true,
    readStdin: !parsed.nostdin && !parsed.daemon,
    log: { format: parsed.logFormat, level: parsed.quiet ? 'warning' : parsed.verbose ? 'debug' : 'info' },
    readyFd: parsed.readyFd,
  };
}

function defaultDirectory(): string {
  return process.geteuid?.() === 0 ? '/var/run/vde.ctl' : '/tmp/vde.ctl';
}

/** Where none is named, one that cannot be read is none. */
function defaultRcFile(): string | undefined {
  return [`${homeDirectory()}/.vde2/vde_switch.rc`, '/etc/vde2/vde_switch.rc'].find(mayRead);
}

function mayRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function number(text: string): number {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text);
  throw new ExitError(1, `'${text}' is not a number: give it in decimal, or in hex with 0x`);
}

/** The empty name, for which the kernel picks one, is a list of itself. */
function list(text: string, before: string[] = []): string[] {
  return [...before, ...(text === '' ? [''] : text.split(',').filter((name) => name !== ''))];
}

/** What is wrong with a spec is found before anything is opened; asked for help, it is an end. */
function portSpec(text: string, before: string[] = []): string[] {
  try {
    const help = portHelp(text);
    if (help !== undefined) {
      process.stdout.write(help);
      throw new ExitError(0, '');
    }
    parsePortRequest(text);
  } catch (error) {
    throw error instanceof SwitchError ? new ExitError(1, `--port: ${error.message}`) : error;
  }
  return [...before, text];
}

/** Absolute: what is resolved later, or by a daemon, is the same file. */
function path(text: string): string {
  if (text !== '') return resolve(text);
  throw new ExitError(USAGE, "'' is not a path: name a file or a directory");
}

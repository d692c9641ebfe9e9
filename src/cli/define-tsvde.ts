// The options of tsvde: those of vde_switch and tsvde's own, grouped by subject, with the parsers of their values.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { parsePortRequest, portHelp } from '../backends/kinds.ts';
import { DEFAULT_LEVEL, LEVELS, type Level } from '../console/level.ts';
import { DEFAULT_USER_LIMITS } from '../control/quotas.ts';
import { SwitchError } from '../protocol/errors.ts';
import { isName, NAME_RULE } from '../protocol/names.ts';
import { DEFAULT_BUSY_POLL_US, DEFAULT_PACING_MS, DEFAULT_QUEUE_MEMORY } from '../switch/tuning.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { PACKAGE_ROOT } from '../system/package-root.ts';
import { TSVDE_VERSION, VDE_VERSION } from '../system/version.ts';
import { octalLike } from './mode.ts';

/**
 * The directory with our programs under their VDE names. If this directory comes first on the PATH, our programs
 * replace vde2's.
 */
const COMPAT_DIRECTORY = `${PACKAGE_ROOT}/bin/compat`;

const octal = octalLike('660');

/** The values that commander makes of the options. */
export interface ParsedOptions {
  name?: string;
  printUnit?: true;
  hub?: true;
  fstp?: true;
  priority: number;
  strictVlan?: true;
  numports: number;
  macaddr?: string;
  pacing: number;
  busyPoll: number | 'auto';
  queueMemory: number;
  cpu?: number;
  hashsize: number;
  sock: string;
  mode?: number;
  dirmode?: number;
  group?: string;
  userEndpoints: number;
  userJoins: number;
  userUnfinished: number;
  tap?: string[];
  mgmt?: string;
  mgmtmode: number;
  mgmtgroup?: string;
  mgmtLevel?: Level;
  rcfile?: string;
  nostdin?: true;
  metrics?: string;
  web?: string;
  webHost?: string[];
  daemon?: true;
  pidfile?: string;
  logFormat: 'text' | 'json';
  quiet?: true;
  verbose?: true;
  readyFd?: number;
  user?: string;
  tapAtRuntime?: true;
  port?: string[];
}

/**
 * A command that finds its options in a map. commander searches its list of options for each new option and each word.
 * For our options, it compares 3,600 times, enough for V8 to load a compiler of 2 MiB.
 */
class FastCommand extends Command {
  readonly #byFlag = new Map<string, Option>();
  #known = 0;

  /** Overrides an internal method of commander's. If that is renamed, options are still found, but more slowly. */
  _findOption(flag: string): Option | undefined {
    for (; this.#known < this.options.length; this.#known++) {
      const option = this.options[this.#known]!;
      for (const known of [option.short, option.long]) if (known) this.#byFlag.set(known, option);
    }
    return this.#byFlag.get(flag);
  }
}

/** Returns the definition of tsvde or, with another name, of the program under that name. */
export function defineTsvde(programName: string): Command {
  const program = new FastCommand(programName);
  // When started as vde_switch, the program has no sub-command.
  if (programName === 'tsvde')
    program.usage(
      '[options]\n       tsvde plug [options] [[vde:]DIR[[PORT]]]\n       tsvde doctor [options]\n       tsvde completion bash|zsh|fish',
    );
  const group = (heading: string, ...options: Option[]) => {
    for (const option of options) program.addOption(option.helpGroup(heading));
  };
  group(
    'Switch:',
    new Option('--name <name>', "the switch's name (default: the base name of its control directory)").argParser(name),
    new Option('-x, --hub', 'send every frame to every port'),
    new Option('-n, --numports <n>', 'use ports 1 to n').default(32).argParser(number),
    new Option('-F, --fstp', 'prevent forwarding loops with spanning tree (not with --hub)'),
    new Option('--priority <n>', 'spanning-tree priority; the lowest becomes root')
      .default(0x8000, '0x8000')
      .argParser(number),
    new Option('--strict-vlan', 'drop frames tagged with a VLAN that was not created, as vde_switch does'),
    new Option('--macaddr <mac>', "the switch's own address (default: 00:ff and four random bytes)"),
    new Option('--hashsize <n>', 'number of buckets that the console sorts the MAC table into')
      .default(128)
      .argParser(number),
  );
  group(
    'Control socket:',
    new Option('-s, --sock <dir>', 'control directory that clients connect to (also --vdesock, --unix)')
      .default(defaultDirectory(), defaultDirectory())
      .argParser(path),
    new Option('-m, --mode <octal>', 'permissions of the ctl socket (also --mod; default: 0600)').argParser(octal),
    new Option('--dirmode <octal>', 'permissions of the directory (default: 02700)').argParser(octal),
    new Option('-g, --group <group>', 'group of the directory and its sockets'),
    new Option('--user-endpoints <n>', 'the most endpoints of one user, but root and our own')
      .default(DEFAULT_USER_LIMITS.endpoints)
      .argParser(number),
    new Option('--user-joins <n>', 'the most joins of one user in a second')
      .default(DEFAULT_USER_LIMITS.joinsPerSecond)
      .argParser(number),
    new Option('--user-unfinished <n>', 'the most clients of one user that have sent no whole request')
      .default(DEFAULT_USER_LIMITS.unfinished)
      .argParser(number),
  );
  group(
    'Ports:',
    new Option('-t, --tap <tap>', 'attach a TAP, or several separated by commas; may be repeated').argParser(list),
    new Option('--port <spec>', 'attach KIND,key=value,… (--port help lists the kinds); may be repeated').argParser(
      portSpec,
    ),
  );
  group(
    'Console:',
    new Option('-M, --mgmt <path>', 'serve the console on a unix socket').argParser(path),
    new Option('--mgmtmode <octal>', "permissions of the console's socket").default(0o600, '0600').argParser(octal),
    new Option('--mgmtgroup <group>', "group of the console's socket"),
    new Option(
      '--mgmt-level <level>',
      `commands for users other than the switch's and root (default: ${DEFAULT_LEVEL})`,
    ).choices(LEVELS),
    new Option(
      '-f, --rcfile <file>',
      'run console commands at start (default: ~/.vde2/vde_switch.rc or /etc/vde2/vde_switch.rc)',
    ).argParser(path),
    new Option('--nostdin', 'do not read stdin: it is not a console, and its end does not stop the switch'),
  );
  group(
    'Performance:',
    new Option('--pacing <ms>', 'maximum time to pause a sender whose only destination is full; 0 drops at once')
      .default(DEFAULT_PACING_MS)
      .argParser(number),
    new Option(
      '--busy-poll <us>',
      'how long to poll for more frames before sleeping: less latency, more CPU; auto: while polling pays',
    )
      .default(DEFAULT_BUSY_POLL_US)
      .argParser(numberOrAuto),
    new Option('--queue-memory <mib>', 'memory for frames that wait, of all ports together')
      .default(DEFAULT_QUEUE_MEMORY >> 20, '64 MiB')
      .argParser(number),
    new Option('--cpu <cpu>', 'pin the forwarding thread to this CPU').argParser(number),
  );
  group(
    'Metrics and page:',
    new Option('--metrics <address>', 'serve Prometheus metrics on [HOST:]PORT or unix:PATH[,mode=OCTAL][,group=NAME]'),
    new Option('--web <address>', 'serve a page with a live picture of the switch there; may equal --metrics'),
    new Option('--web-host <name>', 'a host name by which browsers may address the page; may be repeated').argParser(
      hostName,
    ),
  );
  group(
    'Process:',
    new Option('-d, --daemon', 'continue in the background once everything is usable'),
    new Option('-p, --pidfile <file>', 'write the process ID to a file').argParser(path),
    new Option('--user <name[:group]>', 'become this user, after opening what only root may open'),
    new Option('--tap-at-runtime', 'stay able to attach TAPs as root, by the console'),
    new Option('--ready-fd <n>', 'once everything is usable, write a newline to descriptor n and close it').argParser(
      number,
    ),
    new Option('-q, --quiet', 'log only warnings'),
    new Option('--verbose', 'also log clients that connect and disconnect'),
    new Option('--log-format <format>', 'format of log lines').choices(['text', 'json']).default('text'),
    new Option('-D, --debugclients <n>', 'no effect, as in vde_switch'),
  );
  return program
    .description('A virtual Ethernet switch for QEMU guests, TAPs and any other program that speaks VDE.')
    .helpOption('-h, --help', 'show this help')
    .addOption(
      new Option('--compat-path', "show the directory that holds tsvde's programs under VDE's names").helpGroup(
        'Process:',
      ),
    )
    .on('option:compat-path', () => {
      process.stdout.write(`${COMPAT_DIRECTORY}\n`);
      throw new ExitError(0, '');
    })
    .addOption(
      new Option(
        '--print-unit',
        'show the systemd unit of this tsvde that is named after the option: tsvde (default) or tsvde@',
      ).helpGroup('Process:'),
    )
    .version(`VDE ${VDE_VERSION}\ntsvde ${TSVDE_VERSION}, MIT licence`, '-v, --version', 'show the version')
    .allowExcessArguments(true)
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

function defaultDirectory(): string {
  return process.geteuid?.() === 0 ? '/var/run/vde.ctl' : '/tmp/vde.ctl';
}

function number(text: string): number {
  if (isNumber(text)) return Number(text);
  throw new ExitError(1, `'${text}' is not a number: give it in decimal, or in hex with 0x`);
}

function isNumber(text: string): boolean {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text);
}

function numberOrAuto(text: string): number | 'auto' {
  if (text === 'auto') return text;
  if (isNumber(text)) return Number(text);
  throw new ExitError(1, `'${text}' is neither 'auto' nor a number of microseconds`);
}

/** Returns the name unchanged. Throws ExitError if it is invalid. */
function name(text: string): string {
  if (isName(text)) return text;
  throw new ExitError(1, `'${text}' is not a name: give ${NAME_RULE}`);
}

/** Adds a host name, without a port. Throws ExitError if it is invalid. */
function hostName(text: string, before: string[] = []): string[] {
  if (/^[a-z0-9]([a-z0-9._-]{0,252})$/i.test(text)) return [...before, text];
  throw new ExitError(1, `'${text}' is not a host name: give a name without a port, as in --web-host lab.example.org`);
}

/** Splits a list of names at commas. An empty text is one empty name, for which the kernel picks a name. */
function list(text: string, before: string[] = []): string[] {
  return [...before, ...(text === '' ? [''] : text.split(',').filter((name) => name !== ''))];
}

/** Checks a spec before anything is opened. If it asks for help, prints that help and ends the program. */
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

/**
 * Returns an absolute path, so that look-ups in another working directory, such as the daemon's, find the same file.
 */
function path(text: string): string {
  if (text !== '') return resolve(text);
  throw new ExitError(USAGE, "'' is not a path: name a file or a directory");
}

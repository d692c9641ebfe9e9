// Parses the command line of tsvde into what the program works with. define-tsvde.ts has the options.
import { accessSync, constants } from 'node:fs';
import { CommanderError, type Option } from 'commander';
import type { Level } from '../console/level.ts';
import type { ManagementOptions } from '../console/server.ts';
import type { ListenOptions } from '../control/control.ts';
import type { SwitchOptions } from '../switch/options.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { homeDirectory } from '../system/home-directory.ts';
import type { Privileges } from './confinement.ts';
import { defineTsvde, type ParsedOptions } from './define-tsvde.ts';
import type { LogOptions } from './log.ts';
import { normalize, spellingsOf, type Tolerate } from './long-only.ts';
import { systemdUnit } from './unit.ts';

export interface TsvdeOptions extends Privileges {
  switch: SwitchOptions;
  listen: ListenOptions;
  taps: string[];
  /** Checked, but not opened yet. */
  specs: string[];
  management: ManagementOptions | undefined;
  /** The level of the console's users other than the switch's own user and root; undefined if none was chosen. */
  level: Level | undefined;
  rcFile: string | undefined;
  metrics: string | undefined;
  /** Where the page is served. */
  web: string | undefined;
  /** Names by which browsers may address the page. */
  webHosts: string[];
  pidFile: string | undefined;
  daemon: boolean;
  readStdin: boolean;
  log: LogOptions;
  /** The descriptor that a newline is written to once everything is usable. */
  readyFd: number | undefined;
}

/** Other names that vde_switch accepts for an option. */
const ALIASES = { sock: ['vdesock', 'unix'], mode: ['mod'] };

/** Options that vde_switch does not have. They are never matched by a prefix, so that `--s DIR` still means --sock. */
const NEVER_SHORTENED = [
  'name',
  'strict-vlan',
  'port',
  'mgmt-level',
  'user-endpoints',
  'user-joins',
  'user-unfinished',
  'compat-path',
  'print-unit',
  'log-format',
  'quiet',
  'verbose',
  'ready-fd',
  'web',
  'web-host',
  'pacing',
  'busy-poll',
  'queue-memory',
  'cpu',
  'user',
  'tap-at-runtime',
];

/**
 * Parses the options. Throws ExitError for invalid options, and also after printing what --help and the like show.
 * With `tolerate`, invalid options are ignored, as vde_switch does.
 */
export function parseOptions(argv: readonly string[], name = 'tsvde', tolerate?: Tolerate): TsvdeOptions {
  const program = defineTsvde(name);
  try {
    const words = normalize(argv, spellingsOf(program, ALIASES, NEVER_SHORTENED), tolerate);
    const valid = tolerate
      ? words.map(asVdeSwitch).filter((word) => hasValidValue(word, program.options, tolerate))
      : words;
    program.parse(valid, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (tolerate && error.code === 'commander.helpDisplayed') throw new ExitError(1, '');
    throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message);
  }
  if (program.opts<ParsedOptions>().printUnit) {
    process.stdout.write(systemdUnit(program.args[0]));
    throw new ExitError(0, '');
  }
  if (program.args.length > 0 && tolerate) {
    program.outputHelp();
    throw new ExitError(1, '');
  }
  if (program.args.length > 0)
    throw new ExitError(1, `'${program.args[0]}' is not an option; name the control directory with --sock`);
  return interpret(program.opts<ParsedOptions>());
}

/**
 * Turns a negative --numports into 0, which is refused later. vde_switch ignores other invalid values of the option,
 * but does not start with a negative number.
 */
function asVdeSwitch(word: string): string {
  return word.replace(/^--numports=-\d.*$/s, '--numports=0');
}

/** Returns whether an option's value is valid or absent. For an invalid value, passes the message to `tolerate`. */
function hasValidValue(word: string, options: readonly Option[], tolerate: Tolerate): boolean {
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

function interpret(parsed: ParsedOptions): TsvdeOptions {
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
      ...(parsed.name === undefined ? {} : { name: parsed.name }),
      busyPollUs: parsed.busyPoll,
      queueMemory: parsed.queueMemory * 2 ** 20,
      ...(parsed.cpu === undefined ? {} : { cpu: parsed.cpu }),
      ...(parsed.macaddr === undefined ? {} : { mac: parsed.macaddr }),
    },
    listen: {
      directory: parsed.sock,
      ...(mode === undefined ? {} : { mode }),
      ...(dirmode === undefined ? {} : { dirMode: dirmode }),
      ...(group === undefined ? {} : { group }),
      userLimits: {
        endpoints: parsed.userEndpoints,
        joinsPerSecond: parsed.userJoins,
        unfinished: parsed.userUnfinished,
      },
      portZeroMode: mgmtmode,
      ...(mgmtgroup === undefined ? {} : { portZeroGroup: mgmtgroup }),
    },
    taps: parsed.tap ?? [],
    specs: parsed.port ?? [],
    management:
      mgmt === undefined
        ? undefined
        : { path: mgmt, mode: mgmtmode, ...(mgmtgroup === undefined ? {} : { group: mgmtgroup }) },
    level: parsed.mgmtLevel,
    rcFile: parsed.rcfile ?? defaultRcFile(),
    metrics: parsed.metrics,
    web: parsed.web,
    webHosts: parsed.webHost ?? [],
    pidFile: parsed.pidfile,
    daemon: parsed.daemon === true,
    readStdin: !parsed.nostdin && !parsed.daemon,
    log: { format: parsed.logFormat, level: parsed.quiet ? 'warning' : parsed.verbose ? 'debug' : 'info' },
    readyFd: parsed.readyFd,
    user: parsed.user,
    tapAtRuntime: parsed.tapAtRuntime === true,
  };
}

/** Returns the rc file that is used without --rcfile: a file that cannot be read counts as absent. */
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

// tsvde doctor: says what this machine lacks or has wrong for the switch and its guests, each with its remedy.
import { existsSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { findConsoles } from '../ctl/find-console.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import type { Finding, Found, Status } from './doctor/finding.ts';
import { checkLimits, checkPing, checkTun } from './doctor/kernel.ts';
import { checkPcap, checkSlirp, checkSwitch } from './doctor/parts.ts';
import { checkQemu } from './doctor/qemu.ts';
import { checkConsole, checkDirectory, checkPidFile, findDirectories, findPidFiles } from './doctor/sockets.ts';
import { print } from './streams.ts';

interface Parsed {
  sock?: string;
  mgmt?: string;
  pidfile?: string;
  json?: true;
}

type Check = (named: Parsed) => Found[] | Promise<Found[]>;

/** The checks by their names, in the order in which they are made. */
const CHECKS: Readonly<Record<string, Check>> = {
  switch: checkSwitch,
  tun: () => checkTun(),
  qemu: () => checkQemu(),
  libslirp: checkSlirp,
  ping: () => checkPing(),
  libpcap: checkPcap,
  limits: () => checkLimits(),
  sockets: checkSockets,
};

const MARKS: Readonly<Record<Status, string>> = { ok: 'ok', lacking: '--', wrong: '!!' };

/** Runs `tsvde doctor` with its arguments, and returns the exit code. Throws ExitError for invalid arguments. */
export async function main(argv: readonly string[]): Promise<number> {
  const { names, options } = parse(argv);
  const findings: Finding[] = [];
  for (const check of names.length > 0 ? names : Object.keys(CHECKS)) {
    for (const found of await CHECKS[check]!(options)) {
      const finding = { check, ...found };
      findings.push(finding);
      if (!options.json) print(asText(finding));
    }
  }
  if (options.json) print(`${JSON.stringify(findings)}\n`);
  // If checks were asked for by name, a feature that is lacking is a failure, too.
  return findings.some(({ status }) => status === 'wrong' || (names.length > 0 && status !== 'ok')) ? 1 : 0;
}

function asText({ check, status, text, remedy }: Finding): string {
  const line = `${MARKS[status]}  ${check.padEnd(8)}  ${text}\n`;
  return remedy === undefined ? line : `${line}${' '.repeat(14)}→ ${remedy}\n`;
}

/** Checks the sockets and pid files that the command line names, or else all that are found. */
async function checkSockets({ sock, mgmt, pidfile }: Parsed): Promise<Found[]> {
  const named = sock !== undefined || mgmt !== undefined || pidfile !== undefined;
  const directories = named ? [sock].filter((path) => path !== undefined) : findDirectories();
  const consoles = named ? [mgmt].filter((path) => path !== undefined) : findConsoles().filter(existsSync);
  const pidFiles = named ? [pidfile].filter((path) => path !== undefined) : findPidFiles(directories);
  const all: Found[] = [];
  for (const path of directories) all.push(...(await checkDirectory(path)));
  for (const path of consoles) all.push(...(await checkConsole(path)));
  for (const path of pidFiles) all.push(...checkPidFile(path));
  if (all.length === 0) all.push({ status: 'ok', text: 'no switch runs here, and none has left a socket behind' });
  return all;
}

function parse(argv: readonly string[]): { names: string[]; options: Parsed } {
  const program = defineDoctor();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message.replace(/^error: /, ''));
  }
  const unknown = program.args.find((name) => !Object.hasOwn(CHECKS, name));
  if (unknown !== undefined)
    throw new ExitError(USAGE, `there is no check '${unknown}': there are ${Object.keys(CHECKS).join(', ')}`);
  return { names: program.args, options: program.opts<Parsed>() };
}

/** Returns the definition of `tsvde doctor`. */
export function defineDoctor(): Command {
  return new Command('tsvde doctor')
    .usage('[options] [CHECK...]')
    .description(
      'Says what this machine lacks or has wrong for tsvde, each with its remedy. Exits with 1 if something is wrong or, ' +
        'with CHECK, if a check that was named is not ok.',
    )
    .argument('[check...]', Object.keys(CHECKS).join(', '))
    .addOption(new Option('-s, --sock <dir>', 'check this control directory instead of those in /run and /tmp'))
    .addOption(new Option('-M, --mgmt <console>', "check this console's socket instead of those of running switches"))
    .addOption(new Option('-p, --pidfile <file>', 'check this pid file'))
    .addOption(new Option('--json', 'show the findings as one line of JSON'))
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** The names of the checks, for completion. */
export const CHECK_NAMES = Object.keys(CHECKS);

// tsvdeq, the command: runs QEMU on a VDE switch. Parses its own options, plans QEMU's, and becomes QEMU.
import { Command, CommanderError, Option } from 'commander';
import { parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { encodeWord } from '../protocol/surrogate-escape.ts';
import { Addresses } from '../qemu/addresses.ts';
import { guestIdentity, guestName } from '../qemu/identity.ts';
import { factsAbout, launch } from '../qemu/launch.ts';
import { planQemu } from '../qemu/plan.ts';
import { findProgram } from '../qemu/programs.ts';
import { VIAS, type Via } from '../qemu/vde-backend.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { loadAddon } from '../system/native.ts';
import { ownArguments } from '../system/process.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { normalizeLeading, spellingsOf } from './long-only.ts';
import { octalLike } from './mode.ts';
import { sayAs } from './stderr.ts';
import { findVhostSockets } from './vhost-sockets.ts';

/** The name of the bin/compat script that was called, such as vdeq or vdeqemu; `tsvdeq` if none was called. */
const NAME = process.env.TSVDEQ_NAME ?? 'tsvdeq';
delete process.env.TSVDEQ_NAME;
const IS_VDEQ = NAME !== 'tsvdeq';
const warn = sayAs(NAME);
/** The QEMU program in our name: `qemu` for vdeqemu, undefined for vdeq. */
const OWN_QEMU = IS_VDEQ && NAME !== 'vdeq' ? NAME.replace(/^vde/, '') : undefined;

/**
 * Options that vdeq also accepted after QEMU's name. Of the words after QEMU's name, only these options, by their whole
 * names, are ours. All others are QEMU's.
 */
const AFTER_QEMU = /^--?(vdesock|sock|unix|mod|via|vhost-socket|descr)(=|$)/;
const FIRST_DESCRIPTOR = 3; // the first descriptor number that --print shows, although it opens none

interface Parsed {
  vdesock: string[];
  mod?: number;
  via: Via;
  vhostSocket?: string;
  descr?: string;
  print?: true;
}

export async function main(): Promise<void> {
  try {
    await run(ownArguments());
  } catch (error) {
    if (!(error instanceof ExitError || error instanceof SwitchError)) throw error;
    const exitCode = error instanceof ExitError ? error.exitCode : 1;
    if (exitCode !== 0) warn(error.message);
    process.exitCode = exitCode;
  }
}

async function run(argv: readonly string[]): Promise<void> {
  // The addon must be loaded before anything is written, and under the names of vde2, parsing writes warnings. Under
  // the name tsvdeq, the addon is not loaded for --help, --version or --print.
  if (IS_VDEQ) loadAddon();
  const { options, name, args } = parse(argv);
  if (!options.print) loadAddon();
  const program = findProgram(name);
  const { vdesock, via, mod: mode, descr, print } = options;
  refuseContradictions(options);
  const addresses = new Addresses({ identity: guestIdentity(name, args), hold: !print });
  const tolerate = IS_VDEQ ? (message: string) => warn(`${message}; it is ignored`) : undefined;
  const facts = factsAbout(program, addresses);
  const sockets = vdesock.map(parseTarget);
  // A plan for datagrams takes a port of each switch, so it says which switches QEMU would join.
  const joined = () => planQemu(args, { sockets, tolerate: () => {} }, { ...facts, newMac: () => '' }).joins;
  const vhostSocket = usesVhostUser(via) ? await vhostSocketOf(joined(), options.vhostSocket) : undefined;
  const plan = planQemu(args, { sockets, via, mode, vhostSocket, tolerate }, facts);
  if (print || !plan.asked) warn(plan.decision);
  for (const note of plan.notes) warn(note);
  if (!print) {
    const guest = { name: guestName(args), description: descr };
    return launch(program, plan, { name, mode, guest, inherited: addresses.descriptors });
  }
  const words = [name, ...plan.arguments(plan.joins.map((_, i) => FIRST_DESCRIPTOR + i))];
  process.stdout.write(encodeWord(`${words.map(quote).join(' ')}\n`));
}

function refuseContradictions({ via, mod, vhostSocket }: Parsed): void {
  if ((via === 'stream' || via === 'vhost-user') && mod !== undefined)
    throw new ExitError(USAGE, `--mod and --via ${via} exclude each other: QEMU then has no socket of its own`);
  if (vhostSocket !== undefined && !usesVhostUser(via))
    throw new ExitError(USAGE, '--vhost-socket needs --via vhost-user or --via auto');
}

function usesVhostUser(via: Via): boolean {
  return via === 'vhost-user' || via === 'auto';
}

/** Returns a function for the vhost-user socket of each switch: the given one, or the one that its console names. */
async function vhostSocketOf(
  targets: readonly Target[],
  given: string | undefined,
): Promise<(target: Target) => string> {
  if (given === undefined) return findVhostSockets(targets);
  if (new Set(targets.map(({ directory }) => directory)).size > 1)
    throw new ExitError(USAGE, '--vhost-socket names the socket of one switch, and QEMU would join several');
  return () => given;
}

function parse(argv: readonly string[]): { options: Parsed; name: string; args: string[] } {
  const program = defineTsvdeq();
  const spellings = spellingsOf(program, { vdesock: ['sock', 'unix'], mod: ['mode'] });
  const tolerate = IS_VDEQ ? (message: string) => warn(`${message}; it is ignored`) : undefined;
  const before =
    OWN_QEMU === undefined ? normalizeLeading(argv, spellings, tolerate) : { canonical: [], rest: [OWN_QEMU, ...argv] };
  const [name, ...rest] = before.rest;
  const after = splitOwnOptions(rest);
  const own = [...before.canonical, ...normalizeLeading(after.own, spellings).canonical];
  try {
    program.parse(own, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message);
    throw error;
  }
  if (name === undefined)
    throw new ExitError(
      USAGE,
      'name the QEMU to run, for example: tsvdeq -vdesock /run/vde.ctl qemu-system-x86_64 -net nic',
    );
  return { options: program.opts<Parsed>(), name, args: after.args };
}

function splitOwnOptions(rest: readonly string[]): { own: string[]; args: string[] } {
  let end = 0;
  while (end < rest.length && AFTER_QEMU.test(rest[end]!)) end += rest[end]!.includes('=') ? 1 : 2;
  return { own: rest.slice(0, end), args: rest.slice(end) };
}

/** Returns the definition of tsvdeq. */
export function defineTsvdeq(): Command {
  return new Command(NAME)
    .usage('[options] QEMU [QEMU options]')
    .description("Runs QEMU with its network on a VDE switch. QEMU's old -net options work too.")
    .addOption(
      new Option(
        '--vdesock <dir>',
        'control directory of a switch, or several separated by commas (also --sock, --unix)',
      )
        .default([], '/var/run/vde.ctl, or else /tmp/vde.ctl')
        .argParser((text: string, before: string[]) => [...before, ...text.split(',').filter((path) => path !== '')]),
    )
    .addOption(
      new Option('--mod <octal>', "permissions of QEMU's own socket (default: 0700)").argParser(octalLike('700')),
    )
    .addOption(
      new Option(
        '--via <backend>',
        "dgram passes QEMU a port's descriptor, vde lets QEMU connect by itself, stream takes each path as a port's stream socket, vhost-user shares the guest's memory with the switch, auto is vhost-user if possible and else dgram",
      )
        .choices(VIAS)
        .default('dgram'),
    )
    .addOption(
      new Option('--vhost-socket <path>', "the switch's vhost-user socket (default: the one that its console names)"),
    )
    .addOption(new Option('--descr <text>', "a text that the switch shows for the guest besides QEMU's -name"))
    .addOption(new Option('--print', "show QEMU's command line instead of running it"))
    .helpOption('-h, --help', 'show this help')
    .version(`tsvdeq ${TSVDE_VERSION}`, '--version', 'show the version')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** Returns a word quoted for a shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

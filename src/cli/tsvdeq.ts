// tsvdeq, the command: QEMU on a VDE switch. Parses its own options, plans, and becomes QEMU.
import { Command, CommanderError, Option } from 'commander';
import { parseTarget } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { encodeWord } from '../protocol/surrogate-escape.ts';
import { factsAbout, findProgram, launch } from '../qemu/launch.ts';
import { planQemu } from '../qemu/plan.ts';
import { VIAS, type Via } from '../qemu/vde-backend.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { ownArguments } from '../system/process.ts';
import { TSVDE_VERSION } from '../system/version.ts';
import { normalizeLeading, spellingsOf } from './long-only.ts';
import { octalLike } from './mode.ts';

const NAME = 'tsvdeq';
/** vdeq took its options also behind QEMU's name; there only whole names are ours, since all else is QEMU's. */
const BEHIND_QEMU = /^--?(vdesock|sock|unix|mod|via)(=|$)/;
const FIRST_DESCRIPTOR = 3; // shown by --print, which opens none

interface Parsed {
  vdesock: string[];
  mod?: number;
  via: Via;
  print?: true;
}

export async function main(): Promise<void> {
  try {
    await run(ownArguments());
  } catch (error) {
    if (!(error instanceof ExitError || error instanceof SwitchError)) throw error;
    const exitCode = error instanceof ExitError ? error.exitCode : 1;
    if (exitCode !== 0) process.stderr.write(`${NAME}: ${error.message}\n`);
    process.exitCode = exitCode;
  }
}

async function run(argv: readonly string[]): Promise<void> {
  const { options, name, args } = parse(argv);
  const program = findProgram(name);
  const { vdesock, via, mod: mode } = options;
  if (via === 'stream' && mode !== undefined)
    throw new ExitError(USAGE, '--mod is about a socket that QEMU does not have with --via stream: leave one away');
  const plan = planQemu(args, { sockets: vdesock.map(parseTarget), via, mode }, factsAbout(program));
  for (const note of plan.notes) process.stderr.write(`${NAME}: ${note}\n`);
  if (!options.print) return launch(program, name, plan, mode);
  const words = [name, ...plan.arguments(plan.joins.map((_, i) => FIRST_DESCRIPTOR + i))];
  process.stdout.write(encodeWord(`${words.map(quote).join(' ')}\n`));
}

function parse(argv: readonly string[]): { options: Parsed; name: string; args: string[] } {
  const program = define();
  const spellings = spellingsOf(program, { vdesock: ['sock', 'unix'], mod: ['mode'] });
  const before = normalizeLeading(argv, spellings);
  const [name, ...rest] = before.rest;
  const behind = splitBehind(rest);
  const own = [...before.canonical, ...normalizeLeading(behind.own, spellings).canonical];
  try {
    program.parse(own, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message);
    throw error;
  }
  if (name === undefined)
    throw new ExitError(USAGE, 'name the QEMU to run, like: tsvdeq -vdesock /run/vde.ctl qemu-system-x86_64 -net nic');
  return { options: program.opts<Parsed>(), name, args: behind.args };
}

function splitBehind(rest: readonly string[]): { own: string[]; args: string[] } {
  let end = 0;
  while (end < rest.length && BEHIND_QEMU.test(rest[end]!)) end += rest[end]!.includes('=') ? 1 : 2;
  return { own: rest.slice(0, end), args: rest.slice(end) };
}

function define(): Command {
  return new Command(NAME)
    .usage('[options] QEMU [QEMU options]')
    .description('Runs QEMU with its network on a VDE switch, and takes the -net options of old.')
    .addOption(
      new Option('--vdesock <path>', 'the control directory of a switch, or several with commas (also --sock, --unix)')
        .default([], '/var/run/vde.ctl, or else /tmp/vde.ctl')
        .argParser((text: string, before: string[]) => [...before, ...text.split(',').filter((path) => path !== '')]),
    )
    .addOption(new Option('--mod <octal>', "rights of QEMU's own socket (default: 0700)").argParser(octalLike('700')))
    .addOption(
      new Option(
        '--via <backend>',
        "QEMU's backend: dgram hands it the port's descriptor, vde lets it join by itself, stream takes paths as those of a port's stream socket",
      )
        .choices(VIAS)
        .default('dgram'),
    )
    .addOption(new Option('--print', "show QEMU's command line and do not run it"))
    .helpOption('-h, --help', 'show this')
    .version(`tsvdeq ${TSVDE_VERSION}`, '--version', 'show the version')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** For a shell to read again. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

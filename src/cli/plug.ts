// The sub-command tsvde plug: connects a switch port to stdin and stdout in vde_plug's format, for dpipe and ssh.
import { isatty } from 'node:tty';
import { Command, CommanderError, Option } from 'commander';
import { carry } from '../plug/carrier.ts';
import { Plug } from '../plug/plug.ts';
import { selfDescription } from '../plug/self-description.ts';
import { defaultTarget, parseTarget, type Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { STREAM_FRAME_MAX } from '../protocol/plug-stream.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { loadAddon } from '../system/native.ts';
import { setProcessName } from '../system/process.ts';
import { ignoreTerminalStops } from '../system/terminal-input.ts';
import { normalize, spellingsOf } from './long-only.ts';
import { octalLike } from './mode.ts';
import { sayAs } from './stderr.ts';
import { endAsInit, finish, standardInput } from './streams.ts';

const NAME = 'tsvde plug';
const STDOUT = 1;

interface Parsed {
  mode: number;
  group?: string;
  descr: string;
}

export async function main(argv: readonly string[]): Promise<void> {
  const say = sayAs(NAME);
  setProcessName('tsvde-plug');
  endAsInit();
  try {
    const { target, options } = parse(argv);
    loadAddon();
    if (isatty(STDOUT))
      throw new ExitError(
        1,
        'frames go to stdout, which is a terminal: connect it to another plug, for example with dpipe',
      );
    ignoreTerminalStops();
    const input = standardInput({ endsInBackground: false });
    const { tooLong } = await carry(await join(target, options), input, process.stdout);
    if (tooLong > 0) say(`${tooLong} frames were longer than ${STREAM_FRAME_MAX} bytes and were dropped`);
    await finish(0);
  } catch (error) {
    if (!(error instanceof ExitError || error instanceof SwitchError)) throw error;
    const exitCode = error instanceof ExitError ? error.exitCode : 1;
    if (exitCode !== 0) say(error.message);
    await finish(exitCode);
  }
}

function join(target: Target, { mode, group, descr }: Parsed): Promise<Plug> {
  const { directory, port } = target;
  return Plug.connect(directory, {
    description: selfDescription(descr),
    mode,
    ...(port === undefined ? {} : { port }),
    ...(group === undefined ? {} : { group }),
  });
}

function parse(argv: readonly string[]): { options: Parsed; target: Target } {
  const program = definePlug();
  try {
    program.parse(normalize(argv, spellingsOf(program, { mode: ['mod'] })), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw new ExitError(error.exitCode === 0 ? 0 : USAGE, error.message);
    throw error;
  }
  const [name, second] = program.args;
  if (second !== undefined) throw new ExitError(USAGE, `unexpected argument '${second}': name one switch's directory`);
  // vde_plug also accepts a URL, vde://DIR.
  const target = name ? parseTarget(name.replace(/^vde:(\/\/)?/, '')) : defaultTarget();
  return { options: program.opts<Parsed>(), target };
}

/** Returns the definition of `tsvde plug`. */
export function definePlug(): Command {
  return new Command(NAME)
    .usage('[options] [[vde:]DIR[[PORT]]]')
    .description(
      "Connects a switch port to stdin and stdout in vde_plug's format: dpipe tsvde plug DIR = ssh HOST tsvde plug DIR",
    )
    .argument('[switch]', "the switch's control directory; /run/vde.ctl[7] asks for port 7")
    .addOption(
      new Option('-m, --mode <octal>', "permissions of the plug's own socket (also --mod)")
        .default(0o700, '0700')
        .argParser(octalLike('700')),
    )
    .addOption(new Option('-g, --group <group>', "group of the plug's own socket"))
    .addOption(new Option('-D, --descr <text>', "description that the switch's port/print shows").default('tsvde plug'))
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments(true)
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

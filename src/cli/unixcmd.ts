// unixcmd and vdecmd, as in vde2: each sends one command, prints the data of the reply and exits with the reply's
// errno. unixcmd follows a script that says what to send and what to expect; vdecmd needs no script, since it talks to
// a switch's console.
import { readFileSync } from 'node:fs';
import { ConsoleClient, connectTo, NO_REPLY } from '../ctl/console-client.ts';
import { runMachine } from '../ctl/machine.ts';
import { parseMachineScript } from '../ctl/machine-script.ts';
import { giveCommand } from '../ctl/perform.ts';
import { describeError } from '../system/errno.ts';
import { ExitError } from '../system/exit-error.ts';
import { takeName } from '../system/process.ts';
import { normalize } from './long-only.ts';
import { sayAs } from './stderr.ts';
import { print, runProgram } from './streams.ts';

const OPTIONS = [
  { long: 'sock', short: 's', takesValue: true },
  { long: 'rcfile', short: 'f', takesValue: true },
  { long: 'verbose', short: 'v', takesValue: false },
];

type Name = 'unixcmd' | 'vdecmd';

interface Parsed {
  sock: string;
  rcfile: string | undefined;
  trace: ((line: string) => void) | undefined;
  words: string[];
}

export async function main(argv: readonly string[], name: Name): Promise<void> {
  await runProgram(name, run(argv, name));
}

async function run(argv: readonly string[], name: Name): Promise<number> {
  takeName(name, argv);
  const { sock, rcfile, trace, words } = parse(argv, name);
  if (rcfile === undefined) return giveToConsole(sock, words.join(' '), trace);
  const script = parseMachineScript(readScript(rcfile), rcfile);
  const socket = await connectTo(sock);
  return runMachine(script, {
    socket,
    words,
    show: (bytes) => void process.stdout.write(bytes),
    ...(trace && { trace }),
  });
}

async function giveToConsole(sock: string, line: string, trace?: (line: string) => void): Promise<number> {
  const client = await ConsoleClient.connect(sock);
  trace?.(`greeting: ${JSON.stringify(client.greeting)}`);
  const { words } = await giveCommand(client, line, print);
  trace?.(`reply: ${words}`);
  return 0;
}

function parse(argv: readonly string[], name: Name): Parsed {
  const parsed: Parsed = {
    sock: `/var/run/${name}`,
    rcfile: name === 'unixcmd' ? `/etc/vde2/${name}` : undefined,
    trace: undefined,
    words: [],
  };
  const say = sayAs(name);
  // A negative number belongs to the command. The NUL before it keeps it from being parsed as an option.
  const words = normalize(
    argv.map((word) => word.replace(/^-(?=\d)/, '\0-')),
    OPTIONS,
    say,
  );
  const end = words.indexOf('--');
  parsed.words = end < 0 ? [] : words.slice(end + 1).map((word) => word.replace('\0', ''));
  for (const word of end < 0 ? words : words.slice(0, end)) {
    const [, option, value = ''] = /^--(\w+)=?(.*)$/s.exec(word)!;
    if (option === 'sock') parsed.sock = value;
    else if (option === 'rcfile') parsed.rcfile = value;
    else parsed.trace = say;
  }
  if (parsed.words.length > 0) return parsed;
  print(usage(name));
  throw new ExitError(NO_REPLY, '');
}

function usage(name: Name): string {
  const script = name === 'unixcmd' ? ` (default: /etc/vde2/${name})` : ' (default: none)';
  return [
    `Usage: ${name} OPTIONS command`,
    `  -s, --sock PATH    the socket to connect to (default: /var/run/${name})`,
    `  -f, --rcfile FILE  a script of what to send and to expect${script}`,
    '  -v, --verbose      show each step on stderr',
    '',
  ].join('\n');
}

function readScript(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw new ExitError(NO_REPLY, `cannot read the script '${path}': ${describeError(error)}; name one with -f`);
  }
}

// tsvdectl expect: waits for a frame that a filter accepts, for scripts and tests.
import { constants } from 'node:os';
import { Writable } from 'node:stream';
import { Command, Option } from 'commander';
import { captureWords, openCapture } from '../ctl/capture-client.ts';
import { NO_REPLY } from '../ctl/console-client.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { type Invocation, NOT_IN_TIME, parseTime, parseWords } from './sub-program.ts';

interface Parsed {
  port?: string;
  direction?: string;
  timeout: string;
}

/** Returns 0 as soon as a frame comes that the filter accepts, and 1 if none comes in time. */
export async function expect({ words, path, timeout, say }: Invocation): Promise<number> {
  const program = parseWords(defineExpect(), words, USAGE);
  const { port, direction, timeout: time } = program.opts<Parsed>();
  const seconds = parseTime(time, USAGE);
  const filter = program.args.join(' ').trim();
  for (const value of [port, direction]) {
    if (value !== undefined && !/^[^\s="]+$/.test(value)) throw new ExitError(USAGE, `expect: '${value}' is not valid`);
  }
  if (filter === '' || /[\r\n]/.test(filter)) throw new ExitError(USAGE, 'expect: a filter is one line');
  const given = captureWords({ port, direction, count: '1', snaplen: '1' }, filter);
  const live = await openCapture(path(), given, timeout).catch((error: ExitError) => {
    const { EINVAL, ENOENT } = constants.errno;
    const isUsage = error.exitCode === EINVAL || error.exitCode === ENOENT; // the filter or the ports are refused
    throw new ExitError(isUsage ? USAGE : NO_REPLY, error.message.replace(/^capture: /, 'expect: '));
  });
  const timer = setTimeout(() => live.end(), seconds * 1000);
  const nowhere = new Writable({ write: (_, __, done) => done() });
  const { frames } = await live.run(nowhere);
  clearTimeout(timer);
  if (frames > 0) return 0;
  say(`expect: no frame that '${filter}' accepts came in ${seconds} s`);
  return NOT_IN_TIME;
}

/** Returns the definition of `tsvdectl expect`. */
export function defineExpect(): Command {
  return new Command('tsvdectl expect')
    .usage('[options] FILTER')
    .description(
      "Exits with 0 as soon as a port receives or transmits a frame that FILTER, in tcpdump's language, accepts, with 1 " +
        'if there is none in time, with 2 if the filter is wrong.',
    )
    .addOption(new Option('-p, --port <ports>', 'only these ports, for example 1,web'))
    .addOption(new Option('-d, --direction <direction>', 'rx, tx or both, as for capture'))
    .addOption(new Option('--timeout <time>', 'how long to wait, as in 5s or 500ms').default('5s'))
    .helpOption('-h, --help', 'show this help')
    .argument('<filter...>')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

// tsvdectl wait: waits until a condition holds, for scripts.
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { CONDITIONS, parseCondition } from '../ctl/condition.ts';
import { ConsoleClient } from '../ctl/console-client.ts';
import { dataFrom } from '../ctl/console-data.ts';
import { USAGE } from '../system/exit-error.ts';
import { type Invocation, NOT_IN_TIME, parseTime, parseWords } from './sub-program.ts';

/** How often the console is asked, in milliseconds. */
const INTERVAL_MS = 50;

/** Returns 0 as soon as the condition holds, and 1 if it does not hold in time. */
export async function wait({ words, path, timeout, say }: Invocation): Promise<number> {
  const program = parseWords(defineWait(), words, USAGE);
  const seconds = parseTime(program.opts<{ timeout: string }>().timeout, USAGE);
  const holds = parseCondition(program.args);
  const client = await ConsoleClient.connect(path(), { timeoutSeconds: timeout });
  const ask = dataFrom(client);
  const deadline = performance.now() + seconds * 1000;
  while (!(await holds(ask))) {
    const left = deadline - performance.now();
    if (left <= 0) {
      say(`wait: '${program.args.join(' ')}' does not hold after ${seconds} s`);
      return NOT_IN_TIME;
    }
    await sleep(Math.min(left, INTERVAL_MS));
  }
  return 0;
}

/** Returns the definition of `tsvdectl wait`. */
export function defineWait(): Command {
  return new Command('tsvdectl wait')
    .usage('[--timeout TIME] CONDITION')
    .description('Exits with 0 as soon as CONDITION holds, with 1 if it does not hold in time, with 2 if it is wrong.')
    .addOption(new Option('--timeout <time>', 'how long to wait, as in 5s or 500ms').default('5s'))
    .helpOption('-h, --help', 'show this help')
    .argument('<condition...>')
    .addHelpText('after', () => `\nConditions:\n  ${CONDITIONS.join('\n  ')}\n`)
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

// tsvde, the command: parses its options, and then serves, starts a daemon that serves, or runs a sub-command.
import { ExitError } from '../system/exit-error.ts';
import { daemonReport, startDaemon } from './daemon.ts';
import { parseOptions } from './options.ts';
import type { Behaviour } from './serve.ts';
import { announceReady } from './service-manager.ts';
import { finish, runProgram, takeName } from './streams.ts';
import { SUBCOMMANDS } from './subcommands.ts';

const TSVDE: Behaviour = { name: 'tsvde', tolerant: false };
export const VDE_SWITCH: Behaviour = { name: 'vde_switch', tolerant: true };

export async function main(argv: readonly string[], behaviour = TSVDE): Promise<void> {
  const { name, tolerant } = behaviour;
  const isSubcommand = behaviour === TSVDE && SUBCOMMANDS.some((subcommand) => subcommand.name === argv[0]);
  if (isSubcommand) return await runSubcommand(argv);
  const report = daemonReport();
  const say = (message: string) => void process.stderr.write(`${name}: ${message}\n`);
  try {
    takeName(name, behaviour === TSVDE ? undefined : argv);
    // The process that started the daemon has already reported invalid options, so the daemon does not.
    const options = parseOptions(argv, name, tolerant ? (report ? () => {} : say) : undefined);
    if (options.daemon && !report) {
      const announce = () => {
        if (options.readyFd !== undefined) announceReady(options.readyFd);
      };
      for (const warning of await startDaemon(argv, announce)) say(warning);
      return;
    }
    // Not loaded by the process that only starts the daemon.
    const { serve } = await import('./serve.ts');
    await serve(options, behaviour, report);
  } catch (error) {
    if (!(error instanceof ExitError)) {
      report?.failed(new ExitError(1, (error as Error).message)); // a daemon's stderr goes nowhere
      throw error;
    }
    if (report) report.failed(error);
    else if (error.exitCode !== 0 && error.message !== '') say(error.message);
    await finish(error.exitCode);
  }
}

async function runSubcommand([name, ...words]: readonly string[]): Promise<void> {
  if (name === 'plug') return (await import('./plug.ts')).main(words);
  const { main } = await (name === 'doctor' ? import('./doctor.ts') : import('./completion.ts'));
  await runProgram(`tsvde ${name}`, main(words));
}

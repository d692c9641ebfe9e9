// tsvde, the command: runs a sub-command or tsvde itself, and ends with the exit code and the sentence of an error.
import { ExitError } from '../system/exit-error.ts';
import { endProcess, takeName } from '../system/process.ts';
import { daemonReport, seemToAskForDaemon, startDaemon } from './daemon.ts';
import type { Behaviour } from './serve.ts';
import { sayAs } from './stderr.ts';
import { SUBCOMMANDS } from './subcommands.ts';

const TSVDE: Behaviour = { name: 'tsvde', tolerant: false };
export const VDE_SWITCH: Behaviour = { name: 'vde_switch', tolerant: true };

export async function main(argv: readonly string[], behaviour = TSVDE): Promise<void> {
  const { name } = behaviour;
  const isSubcommand = behaviour === TSVDE && SUBCOMMANDS.some((subcommand) => subcommand.name === argv[0]);
  if (isSubcommand) return await runSubcommand(argv);
  const report = daemonReport();
  const say = sayAs(name);
  let end: (exitCode: number) => unknown = endProcess;
  try {
    takeName(name, behaviour === TSVDE ? undefined : argv);
    if (!report && seemToAskForDaemon(argv) && startDaemon(argv, 'unchecked', say)) endProcess(0);
    // Not loaded by the process that only starts the daemon.
    const [{ run }, { finish }] = await Promise.all([import('./run.ts'), import('./streams.ts')]);
    end = finish;
    await run(argv, { ...behaviour, report, say });
  } catch (error) {
    if (!(error instanceof ExitError)) {
      report?.failed(new ExitError(1, (error as Error).message)); // a daemon's stderr goes nowhere
      throw error;
    }
    if (report) report.failed(error);
    else if (error.exitCode !== 0 && error.message !== '') say(error.message);
    await end(error.exitCode);
  }
}

async function runSubcommand([name, ...words]: readonly string[]): Promise<void> {
  if (name === 'plug') return (await import('./plug.ts')).main(words);
  const { runProgram } = await import('./streams.ts');
  const { main } = await (name === 'doctor' ? import('./doctor.ts') : import('./completion.ts'));
  await runProgram(`tsvde ${name}`, main(words));
}

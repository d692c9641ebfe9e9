// Shows a long text at a terminal in the user's pager, as git does: $PAGER, or else less with the options -FRX, which
// keep the text's colours and leave the text on the screen.
import { spawnSync } from 'node:child_process';

/**
 * Shows a text in the pager and returns true. Returns false if no pager is wanted or can be run: the caller then writes
 * the text.
 */
export function page(text: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  const { PAGER: pager = 'less' } = environment;
  if (pager === '' || pager === 'cat' || environment.TERM === 'dumb') return false;
  // The call is synchronous, so that only the pager reads and writes the terminal until it ends. Ctrl-C, which is meant
  // for the pager, is ignored.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  const { error, status } = spawnSync('/bin/sh', ['-c', `exec ${pager}`], {
    input: text,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { LESS: 'FRX', ...environment },
  });
  process.off('SIGINT', ignore);
  const NOT_FOUND = 127;
  return status !== NOT_FOUND && (error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE');
}

// npm start -- ARGS: sets up what is missing or stale, and runs `tsvde ARGS` in this terminal.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './set-up.mjs';

setUp();
const tsvde = spawn(process.execPath, [join(root, 'bin/tsvde'), ...process.argv.slice(2)], { stdio: 'inherit' });
// A terminal's signals reach it by themselves; one that is sent to us alone does not.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => tsvde.kill(signal));
tsvde.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

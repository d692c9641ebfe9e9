// npm start -- ARGS: builds what is missing or stale, and runs `tsvde ARGS` in this terminal.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './set-up.mjs';

await setUp();
const tsvde = spawn(process.execPath, [join(root, 'bin/tsvde'), ...process.argv.slice(2)], { stdio: 'inherit' });
// The terminal sends its signals to both processes. A signal that is sent only to this process is passed on.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => tsvde.kill(signal));
tsvde.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

// Log lines on stderr. Nobody need read them: past a bound they are counted and not kept, and the count is told when
// there is room again.
import type { Writable } from 'node:stream';

const WAITING_MAX = 64 * 1024; // bytes

export function streamLog(name: string, output: Writable): (message: string) => void {
  let lost = 0;
  output.on('error', () => {}); // a reader that went away wants no log
  return (message) => {
    if (output.writableLength > WAITING_MAX) {
      lost++;
      return;
    }
    if (lost > 0) output.write(`${name}: ${lost} log lines were lost: nobody read them\n`);
    lost = 0;
    output.write(`${name}: ${message}\n`);
  };
}

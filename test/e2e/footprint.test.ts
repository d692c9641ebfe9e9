// The memory and CPU of an idle switch, and the CPU time of its start.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { start } from '../support/process.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

// Measures CPU time, since wall-clock time depends on the load of the machine; `npm run bench` measures the latter.
test('the switch is ready after less than 300 ms of CPU time', async () => {
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const { started } = await startTsvde();
    times.push(cpuMilliseconds(started.pid));
    await started.stop();
  }
  expect(times.sort((a, b) => a - b)[4], `ms: ${times.join(' ')}`).toBeLessThan(300);
});

/** User and system time of all threads; the kernel counts in hundredths of a second. */
function cpuMilliseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Resident memory in MiB. */
function residentMemory(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

test.each([
  ['without metrics', 1.3, []],
  ['with metrics', 1.5, ['--metrics', '0']],
])(
  'an idle switch %s uses less than %s times the memory of an idle Node, and all its threads sleep',
  async (_, times, args) => {
    const node = start(process.execPath, ['-e', "setInterval(() => {}, 1e6); console.log('ready')"]);
    await until(() => node.stdout().includes('ready'), 'Node');
    const { pid } = (await startTsvde(args)).started;
    expect(residentMemory(pid) / residentMemory(node.pid)).toBeLessThan(times);
    // Once the start has settled, a second passes without a context switch.
    await until(
      async () => {
        const before = contextSwitches(pid);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return contextSwitches(pid) === before;
      },
      'a second without a context switch',
      15_000,
    );
  },
);

function contextSwitches(pid: number): string {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) =>
      readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')
        .match(/ctxt_switches:\s+\d+/g)
        ?.join(),
    )
    .join('\n');
}

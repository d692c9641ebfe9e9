// What the engine's own decision costs a frame, counted in instructions, which are the same on a busy machine and on an idle
// one. The bounds are half as much again as it was when they were set: they catch work that crept in, not noise.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from './support/needs.ts';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FEW = 6400;

/** Of a run that moves so many frames, its start included. */
async function instructions(program: string, what: string, frames: number): Promise<number> {
  const words = ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, what, String(frames)];
  const { code, stderr } = await run('valgrind', words);
  expect(code, stderr).toBe(0);
  return Number(/Collected : (\d+)/.exec(stderr)?.[1]);
}

describeWith(['g++', 'valgrind'], 'instructions a frame', () => {
  test('are few, and stay so', async () => {
    const program = `${temporaryDirectory()}/instructions`;
    const sources = ['native/bench/instructions.cc', 'native/build/Release/engine.a'];
    execFileSync('g++', ['-std=c++20', '-O2', '-pthread', '-Inative', ...sources, '-o', program], { cwd: ROOT });
    const cost = async (what: string) =>
      ((await instructions(program, what, 2 * FEW)) - (await instructions(program, what, FEW))) / FEW;
    const [unicast, tagged, flood, table, chosen, cut, joined] = await Promise.all(
      ['unicast', 'unicast-tagged', 'flood16', 'mac_table', 'mac_table_chosen', 'segmenter', 'coalescer'].map(cost),
    );
    expect(unicast, 'from one port to another').toBeLessThan(490); // was 325
    expect(tagged, 'and with a tag put on').toBeLessThan(630); // was 420
    expect(flood! / 16, 'each copy to sixteen').toBeLessThan(115); // was 77
    expect(table, 'one address learned and one found, of 100,000').toBeLessThan(195); // was 128
    expect(chosen, 'of 1,000 that a guest chose to fall together, the choosing included').toBeLessThan(480); // was 320
    expect(cut, 'a segment of 1448 bytes cut off, its checksum included').toBeLessThan(3300); // was 2186
    expect(joined, 'and joined again').toBeLessThan(3800); // was 2516
  }, 60_000);
});

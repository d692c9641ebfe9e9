// The cost of the engine's forwarding decision in instructions, which are the same on a busy and on an idle machine.
// Each bound is about 1.5 times the count of the day on which it was set: bounds catch added work and not noise.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from './support/needs.ts';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FRAMES = 6400;

/** The instructions of a run that moves `frames` frames, including its start. */
async function instructions(program: string, what: string, frames: number): Promise<number> {
  const words = ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, what, String(frames)];
  const { code, stderr } = await run('valgrind', words);
  expect(code, stderr).toBe(0);
  return Number(/Collected : (\d+)/.exec(stderr)?.[1]);
}

describeWith(['g++', 'valgrind'], 'instructions per frame', () => {
  test('the engine needs no more instructions per frame than its bounds', async () => {
    const program = `${temporaryDirectory()}/instructions`;
    const sources = ['native/bench/instructions.cc', 'native/build/Release/engine.a'];
    execFileSync(process.env.CXX ?? 'g++', ['-std=c++20', '-O2', '-pthread', '-Inative', ...sources, '-o', program], {
      cwd: ROOT,
    });
    const cost = async (what: string) =>
      ((await instructions(program, what, 2 * FRAMES)) - (await instructions(program, what, FRAMES))) / FRAMES;
    const [unicast, tagged, filtered, captured] = await Promise.all(
      ['unicast', 'unicast-tagged', 'unicast-filtered', 'unicast-captured'].map(cost),
    );
    const [flood, table, chosen, segmented, coalesced] = await Promise.all(
      ['flood16', 'mac_table', 'mac_table_chosen', 'segmenter', 'coalescer'].map(cost),
    );
    expect(unicast, 'unicast between two ports').toBeLessThan(435); // was 290
    expect(tagged, 'unicast with a tag added').toBeLessThan(650); // was 434
    expect(filtered, 'unicast, with a filter that rejects each frame twice').toBeLessThan(990); // was 661
    expect(captured, 'unicast, with each frame captured twice').toBeLessThan(1270); // was 847
    expect(flood! / 16, 'each copy of a flood to sixteen ports').toBeLessThan(107); // was 71
    expect(table, 'learning one address and finding one, among 100,000').toBeLessThan(195); // was 128
    expect(chosen, 'learning one and finding one, among 1,000 chosen to collide').toBeLessThan(480); // was 320
    expect(segmented, 'a segment of 1448 bytes, including its checksum').toBeLessThan(3300); // was 2199
    expect(coalesced, 'a segment of 1448 bytes coalesced again').toBeLessThan(3800); // was 2472
  }, 60_000);
});

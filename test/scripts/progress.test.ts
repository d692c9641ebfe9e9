// The progress that a script shows of work that takes long.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';

const PROGRESS = new URL('../../scripts/progress.mjs', import.meta.url).href;

/** Returns a script that does two of three parts, waits for its standard input to end, and ends. */
function script(): string {
  const path = `${temporaryDirectory()}/work.mjs`;
  writeFileSync(
    path,
    `import { Progress } from '${PROGRESS}';
    const progress = await Progress.start('working', 3);
    progress.advance('first');
    progress.advance('second');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    progress.end();
    process.exit();`,
  );
  return path;
}

test('without a terminal there is one line', async () => {
  const { stdout, stderr } = await run('sh', ['-c', 'echo | "$@"', 'sh', process.execPath, script()]);
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '--- working\n' });
});

describeWith(['/usr/bin/python3'], 'at a terminal', () => {
  test('one line shows what is done and how much is left, and then the time', async () => {
    const screen = new Screen(process.execPath, [script()], { CI: undefined }); // ora draws nothing where CI is set
    await screen.shows(/^\S working: 2 of 3: second$/);
    screen.type('\r');
    await screen.shows(/^\S working: \d\.\d s$/m);
    expect(await screen.exit()).toBe(0);
  });
});

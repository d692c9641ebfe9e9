import { expect, test } from 'vitest';
import { strerror } from '../../src/protocol/strerror.ts';
import { describeWith } from '../support/needs.ts';
import { run } from '../support/process.ts';

test('a number without a description is named', () => {
  expect(strerror(17)).toBe('File exists');
  expect(strerror(41)).toBe('Unknown error 41');
});

describeWith(['/usr/bin/python3'], 'descriptions of errno numbers', () => {
  test("are those of this system's libc", async () => {
    const script = 'import os\nfor n in range(140): print(os.strerror(n))';
    const { stdout } = await run('/usr/bin/python3', ['-c', script]);
    expect(stdout.trimEnd().split('\n')).toEqual(Array.from({ length: 140 }, (_, errno) => strerror(errno)));
  });
});

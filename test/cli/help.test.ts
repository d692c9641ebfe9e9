import { expect, test } from 'vitest';
import { run, tsvde } from '../support/process.ts';

test.each(['--help', '-h'])('%s shows every option by subject', async (option) => {
  const { code, stdout } = await run(tsvde, [option]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /Switch:[\s\S]*--hub[\s\S]*Control socket:[\s\S]*--sock[\s\S]*Console:[\s\S]*--mgmt[\s\S]*Metrics and page:[\s\S]*--web/,
  );
});

test.each(['--version', '-v', '-version'])('%s prints the version', async (option) => {
  expect(await run(tsvde, [option])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^VDE 2\.3\.3\+tsvde\./),
  });
});

test('tsvde plug --help shows the options of plug', async () => {
  expect((await run(tsvde, ['--help'])).stdout).toContain('tsvde plug [options] [[vde:]DIR[[PORT]]]');
  expect(await run(tsvde, ['plug', '--help'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Usage: tsvde plug [\s\S]*--mode[\s\S]*--group[\s\S]*--descr/),
  });
});

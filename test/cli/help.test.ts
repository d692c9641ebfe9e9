import { expect, test } from 'vitest';
import { run, tsvde, tsvdectl } from '../support/process.ts';

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

test('tsvdectl --help lists its tables and programs, and each program but top has its own help', async () => {
  const { stdout } = await run(tsvdectl, ['--help']);
  const [, tables = '', programs = ''] =
    /Tables:\n([\s\S]*)\n\nPrograms .*:\n([\s\S]*)\n\nEvery other/.exec(stdout) ?? [];
  const names = (text: string) => text.split('\n').map((line) => line.trim().split(' ')[0]);
  expect(names(tables)).toEqual(['ports', 'port', 'macs', 'vlans', 'attachments']);
  expect(names(programs)).toEqual(['top', 'capture', 'events', 'wait', 'expect']);
  for (const name of names(programs).slice(1))
    expect(await run(tsvdectl, [name!, '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^Usage: tsvdectl ${name} `)),
    });
});

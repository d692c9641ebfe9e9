// The manual pages: rendered without a warning, and true to the programs.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { kinds } from '../src/backends/kinds.ts';
import type { ConsoleContext } from '../src/console/command.ts';
import { LEVELS } from '../src/console/level.ts';
import { menus } from '../src/console/menus.ts';
import { Plugins } from '../src/console/plugins.ts';
import { describeWith } from './support/needs.ts';
import { run, tsvde, tsvdectl, tsvdeq } from './support/process.ts';

const directory = fileURLToPath(new URL('../man/', import.meta.url));
const pages = readdirSync(directory).map((name) => `${directory}${name}`);

describeWith(['man', 'mandoc'], 'the manual pages', () => {
  test.each(pages)('%s renders without a warning', async (page) => {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '' };
    expect(await run('man', ['--warnings', '-l', page], { env })).toMatchObject({ code: 0, stderr: '' });
    expect((await run('mandoc', ['-T', 'lint', '-W', 'warning', page])).stdout).toBe('');
  });

  test.each([
    ['tsvde.1', tsvde],
    ['tsvdectl.1', tsvdectl],
    ['tsvdeq.1', tsvdeq],
  ])('%s names every option of the program', async (page, program) => {
    const { stdout: help } = await run(program, ['--help']);
    const { stdout: text } = await run('mandoc', ['-T', 'utf8', '-O', 'width=200', directory + page]);
    const plain = text.replace(/.[\b]/g, '');
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!);
    expect(options.length).toBeGreaterThan(4);
    for (const option of options) expect(plain).toMatch(new RegExp(`${option}\\b|[^-]${option.slice(1)}\\b`));
  });
});

test('tsvde.1 names, under SIGHUP, what an rc file declares', () => {
  const page = readFileSync(`${directory}tsvde.1`, 'utf8');
  const [, list] = /^\.It Dv SIGHUP\n[\s\S]*?^\.Po\n([\s\S]*?)^\.Pc/m.exec(page)!;
  const named = [...list!.matchAll(/^\.Ic (\S+)/gm)].map(([, path]) => path!);
  const declared = menus.flatMap(({ commands }) => commands).filter(({ declares }) => declares);
  expect(named.sort()).toEqual(declared.map(({ path }) => path).sort());
});

test('tsvde.1 names every console command', () => {
  const page = readFileSync(`${directory}tsvde.1`, 'utf8');
  for (const { path } of menus.flatMap(({ commands }) => commands))
    expect(page).toMatch(new RegExp(`^\\.It Ic ${path}\\b`, 'm'));
});

test('tsvde.1 lists each console command at its level', () => {
  const page = readFileSync(`${directory}tsvde.1`, 'utf8');
  const [, section = ''] = /^\.Ss Levels\n([\s\S]*?)^\.S[sh] /m.exec(page) ?? [];
  const context = { subscriptions: { addCategory() {} }, switch: { on() {} } } as unknown as ConsoleContext;
  const plugins = new Plugins();
  for (const { name } of plugins.available('')) plugins.add(name, context);
  const commands = [...menus, ...plugins.menus].flatMap((menu) => menu.commands);
  for (const wanted of LEVELS) {
    const [, list = ''] = new RegExp(`^\\.It Cm ${wanted}\n([\\s\\S]*?)^\\.(?:It Cm|El)`, 'm').exec(section) ?? [];
    const named = [...list.matchAll(/^\.Ic (\S+)/gm)].map(([, path]) => path!);
    const paths = commands.filter(({ level }) => level === wanted).map(({ path }) => path);
    expect(named.sort(), wanted).toEqual(paths.sort());
  }
});

test('tsvde.1 names every kind of port, and each of its keys', () => {
  const [, ports = ''] = readFileSync(`${directory}tsvde.1`, 'utf8').split('.Sh PORTS\n');
  for (const { name, keys } of kinds) {
    const [, section = ''] = ports.split(`.Ss ${name}\n`);
    const named = [...section.split(/^\.S[sh] /m)[0]!.matchAll(/^\.It Cm (.*)$/gm)].flatMap(([, line]) =>
      line!.split(/ , (?:Cm )?/),
    );
    expect(named.sort()).toEqual(Object.keys(keys).sort());
  }
});

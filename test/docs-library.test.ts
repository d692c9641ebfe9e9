// The examples of docs/library.md, as a reader would run them: each prints exactly what the page shows.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${root}docs/library.md`, 'utf8');

/** For each section: its title, and the body of its code block in each language. */
const examples = page
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    title: section.slice(0, section.indexOf('\n')),
    blocks: new Map(
      [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => [language!, body!]),
    ),
  }));

/** A directory of a program that has installed the library. */
function project(): string {
  const home = temporaryDirectory();
  mkdirSync(`${home}/node_modules`);
  symlinkSync(root, `${home}/node_modules/tsvde`);
  for (const name of ['vitest', '@types', 'vite'])
    symlinkSync(`${root}node_modules/${name}`, `${home}/node_modules/${name}`);
  return home;
}

test('there are five examples', () => {
  expect(examples.map(({ title }) => title)).toEqual([
    'A test network in vitest',
    'VLANs and counters',
    'Events',
    'A capture',
    'A port in JavaScript',
  ]);
});

test.each(examples.filter(({ blocks }) => blocks.has('js')))('$title', async ({ blocks }) => {
  const home = project();
  writeFileSync(`${home}/example.mjs`, blocks.get('js')!);
  const { code, stdout, stderr } = await run(process.execPath, ['example.mjs'], { cwd: home });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: blocks.get('text'), stderr: '' });
});

test.each(examples.filter(({ blocks }) => blocks.has('ts')))(
  '$title',
  async ({ blocks }) => {
    const home = project();
    writeFileSync(`${home}/network.test.ts`, blocks.get('ts')!);
    const options = {
      strict: true,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
    };
    writeFileSync(
      `${home}/tsconfig.json`,
      JSON.stringify({ compilerOptions: { ...options, noEmit: true, skipLibCheck: true } }),
    );
    writeFileSync(`${home}/package.json`, '{ "type": "module" }');
    const [types, tests] = [
      await run(`${root}node_modules/.bin/tsc`, ['-p', home], { cwd: home }),
      await run(`${root}node_modules/.bin/vitest`, ['run', '--root', home, '--testTimeout', '40000'], { cwd: home }),
    ];
    expect(types).toMatchObject({ code: 0, stdout: '' });
    expect(tests.code, tests.stdout + tests.stderr).toBe(0);
    expect(tests.stdout).toMatch(/1 passed/);
  },
  90_000,
);

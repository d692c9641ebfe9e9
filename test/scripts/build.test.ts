// The build that every run of the tests begins with, on a small checkout: a product is never older than its sources.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = new URL('../../scripts/build.mjs', import.meta.url).href;
const BUNDLE = new URL('../../scripts/bundle.mjs', import.meta.url).href;
const LOCK = new URL('../../scripts/lock.mjs', import.meta.url).href;

const { build } = (await import(SCRIPT)) as { build: Build };
const { PROGRAMS } = (await import(BUNDLE)) as { PROGRAMS: string[] };

type Build = (names: string[], root: string) => Promise<void>;

interface Checkout {
  root: string;
  write(path: string, text: string): void;
  read(path: string): string;
  has(path: string): boolean;
  build(): Promise<void>;
}

/** A checkout with `src/one.ts`, `src/two.ts`, programs that print their names, and this checkout's compiler. */
function checkout(): Checkout {
  const root = temporaryDirectory();
  const at = (path: string) => join(root, path);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  for (const name of ['.bin', 'typescript', '@typescript', '@types', 'undici-types']) {
    mkdirSync(at('node_modules'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), at(`node_modules/${name}`));
  }
  write('tsconfig.json', readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'));
  write('package.json', '{ "type": "module", "version": "1.0.0" }');
  write('src/one.ts', "export const one = 'first';\n");
  write('src/two.ts', 'export const two: number = 2;\n');
  for (const name of PROGRAMS) write(`src/cli/${name}.ts`, `console.log('${name}');\n`);
  return {
    root,
    write,
    read: (path) => readFileSync(at(path), 'utf8'),
    has: (path) => existsSync(at(path)),
    build: () => build(['ts'], root),
  };
}

describe('a build', () => {
  test('with nothing to do does nothing', async () => {
    const it = checkout();
    await it.build();
    expect(it.read('dist/one.js')).toContain('first');
    expect((await run(process.execPath, [`${it.root}/dist/bin/tsvde.cjs`])).stdout).toBe('tsvde\n');
    const before = statSync(`${it.root}/dist/one.js`);
    await it.build();
    expect(statSync(`${it.root}/dist/one.js`)).toEqual(before);
  });

  test('notices a changed source, even one that is older than what was made of it', async () => {
    const it = checkout();
    await it.build();
    it.write('src/one.ts', "export const one = 'other';\n");
    utimesSync(`${it.root}/src/one.ts`, 0, 0);
    await it.build();
    expect(it.read('dist/one.js')).toContain('other');
  });

  test('removes what was compiled from a source that was renamed or deleted', async () => {
    const it = checkout();
    await it.build();
    renameSync(`${it.root}/src/one.ts`, `${it.root}/src/three.ts`);
    rmSync(`${it.root}/src/two.ts`);
    await it.build();
    const there = ['one', 'two', 'three'].filter((name) => it.has(`dist/${name}.js`) || it.has(`dist/${name}.d.ts`));
    expect(there).toEqual(['three']);
  });

  test('that fails leaves dist/ as it was, and stale', async () => {
    const it = checkout();
    await it.build();
    it.write('src/one.ts', "export const one = 'other';\n");
    it.write('src/two.ts', "export const two: number = 'two';\n");
    const output = await run(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { build } from '${SCRIPT}'; await build(['ts'], '${it.root}').catch((e) => console.error(e.message));`,
    ]);
    expect(output.stderr + output.stdout).toMatch(/TS2322[\s\S]*failed/);
    expect(it.read('dist/one.js')).toContain('first');
    it.write('src/two.ts', 'export const two: number = 2;\n');
    await it.build();
    expect(it.read('dist/one.js')).toContain('other');
  });

  test('restores a compiled file that was changed or deleted', async () => {
    const it = checkout();
    await it.build();
    it.write('dist/one.js', 'export const one = 1;\n');
    rmSync(`${it.root}/dist/two.js`);
    await it.build();
    expect(it.read('dist/one.js')).toContain('first');
    expect(it.has('dist/two.js')).toBe(true);
  });
});

describe('a lock', () => {
  test('is held by one process at a time, and released when its holder is killed', async () => {
    const home = temporaryDirectory();
    const held = `${home}/held`;
    const script = `
      import { mkdirSync, rmdirSync } from 'node:fs';
      import { withLock } from '${LOCK}';
      for (let i = 0; i < 20; i++)
        await withLock('test:${home}', async () => {
          mkdirSync('${held}'); // fails if another process is here
          await new Promise((resolve) => setTimeout(resolve, 1));
          rmdirSync('${held}');
        });
      await withLock('test:${home}', () => process.kill(process.pid, 'SIGKILL'));`;
    const runs = Array.from({ length: 3 }, () => run(process.execPath, ['--input-type=module', '--eval', script]));
    for (const { signal, stderr } of await Promise.all(runs)) expect(signal, stderr).toBe('SIGKILL');
  });
});

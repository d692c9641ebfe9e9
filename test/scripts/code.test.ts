// The loading of the programs' files by bin/launch.js, and of V8's compiled code for them, which the archive and the
// Debian package have beside the files.
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the directory of an installation with code for tsvdectl. */
async function compiled(): Promise<string> {
  const home = temporaryDirectory();
  for (const name of ['bin', 'dist/bin', 'package.json'])
    cpSync(`${ROOT}${name}`, `${home}/${name}`, { recursive: true });
  const words = ['--random-seed=1', `${ROOT}scripts/package/compile.cjs`, home, 'tsvdectl', '--version'];
  expect(await run(process.execPath, words)).toMatchObject({ code: 0, stderr: '' });
  return home;
}

const codeIn = (home: string) => readFileSync(`${home}/dist/bin/tsvdectl.cjs.code`);
const version = (home: string) => run(`${home}/bin/tsvdectl`, ['--version']);

test('the code is the same from another directory, names no directory, and is readable for all', async () => {
  const [one, other] = [await compiled(), await compiled()];
  expect(codeIn(other).equals(codeIn(one))).toBe(true);
  expect(codeIn(one).includes(one)).toBe(false);
  expect(readdirSync(`${one}/dist/bin`).filter((name) => name.endsWith('.code'))).toEqual(['tsvdectl.cjs.code']);
  expect(statSync(`${one}/dist/bin/tsvdectl.cjs.code`).mode & 0o777).toBe(0o644);
});

test('a program runs with its code, and without it if the code is empty, cut short, no code or of another V8', async () => {
  const home = await compiled();
  const expected = { code: 0, stdout: expect.stringMatching(/^tsvdectl \d/), stderr: '' };
  expect(await version(home)).toMatchObject(expected);
  const code = codeIn(home);
  code.writeUInt32LE(code.readUInt32LE(4) ^ 1, 4); // the version of V8, after a magic number
  for (const other of [code, code.subarray(0, 100), Buffer.from('not code'), Buffer.alloc(0)]) {
    writeFileSync(`${home}/dist/bin/tsvdectl.cjs.code`, other);
    expect(await version(home)).toMatchObject(expected);
  }
});

test('the code is used if it has the time of its file, and ignored if it is older', async () => {
  const home = await compiled();
  const file = `${home}/dist/bin/tsvdectl.cjs`;
  const { stdout } = await version(home);
  const [number] = /\d+\.\d+\.\d+/.exec(stdout)!;
  const edited = number.replace(/\d/g, '7');
  // V8 compares only the lengths of texts, so that the output shows whether the code is used.
  writeFileSync(file, readFileSync(file, 'latin1').replaceAll(number, edited), 'latin1');
  const showsAt = async (seconds: number) => {
    utimesSync(file, 1000, 1000);
    utimesSync(`${file}.code`, seconds, seconds);
    return (await version(home)).stdout;
  };
  expect(await showsAt(1000)).toBe(stdout);
  expect(await showsAt(999)).toBe(stdout.replace(number, edited));
});

test('a program imports an ES module without a warning, from a directory of any name', async () => {
  const home = `${temporaryDirectory()}/a %20 #name`;
  cpSync(`${ROOT}bin`, `${home}/bin`, { recursive: true });
  mkdirSync(`${home}/dist/bin`, { recursive: true });
  writeFileSync(`${home}/dist/bin/late.mjs`, "export const text = await Promise.resolve('late');\n");
  writeFileSync(
    `${home}/dist/bin/p.cjs`,
    "exports.main = async () => console.log((await require('./late.mjs')).text);\n",
  );
  const script = `require(${JSON.stringify(`${home}/bin/launch.js`)}).launch('p').main()`;
  expect(await run(process.execPath, ['-e', script])).toMatchObject({ code: 0, stdout: 'late\n', stderr: '' });
});

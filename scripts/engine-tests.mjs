// npm run test:engine [-- NAME]: the tests of the engine and of the user-mode stack, which do not need Node. All tests
// are compiled to find memory errors and undefined behaviour. Those that use threads are compiled a second time, to
// find data races. NAME selects tests whose names, or whose files' names, contain it. Only what has changed is
// compiled. With --quick, for `npm run check`, data races are not looked for, random tests run a tenth of their rounds,
// and nothing runs if nothing has changed since these tests last passed.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheOf, checkout as root } from './build.mjs';
import { CXX_FLAGS, cxxFiles, ENGINE_DIRECTORIES, writeCompileCommands } from './compile-commands.mjs';
import { CxxObjects, compileInParallel } from './cxx-objects.mjs';
import { digest, digests } from './digest.mjs';
import { withLock } from './lock.mjs';

const quick = process.argv.includes('--quick');
const words = process.argv.slice(2).filter((word) => word !== '--quick');

/** The tests have their own main(), and need libc's functions that tsvde-slirp replaces. */
const NOT_LINKED = ['native/slirp/main.cc', 'native/slirp/interposed.cc', 'native/fuzz/main.cc'];
/** The inputs that the fuzz targets are run on. */
const CORPUS = 'native/fuzz/corpus';
/** The exit code of a test binary if no test matches NAME. */
const NONE_NAMED = 2;
/** How long a test binary may run before it is stopped. Each test also has a shorter limit, in native/test/main.cc. */
const LIMIT_SECONDS = 1200;

/** Compiles and links all variants, one for each sanitizer, and returns them. */
async function compileAll() {
  const directories = [...ENGINE_DIRECTORIES, 'native/confine', 'native/slirp', 'native/fuzz', 'native/test'];
  const sources = cxxFiles(root, directories, /\.cc$/);
  const variants = [
    new Variant(
      'address,undefined',
      sources.filter((source) => !NOT_LINKED.includes(source)),
    ),
  ];
  if (!quick) variants.push(new Variant('thread', sources.filter(mayRace)));
  await compileInParallel(
    "compiling the engine's tests",
    variants.flatMap((variant) => variant.compilations()),
  );
  await Promise.all(variants.map((variant) => variant.link()));
  return variants;
}

/**
 * Returns whether a data race is possible in a source file: in the engine, in `native/vhost` and in tests that start
 * threads. The user-mode stack has no threads. A test that only mentions threads in a comment counts too, so that no
 * test is missed. Tests that fork do not count, since the thread sanitizer does not follow a process that forks.
 */
function mayRace(source) {
  const directory = dirname(source);
  if (directory !== 'native/test') return ENGINE_DIRECTORIES.includes(directory);
  const text = readFileSync(join(root, source), 'utf8');
  return basename(source) === 'main.cc' || (/thread|async|"test\/loops\.h"/.test(text) && !/\bfork\(\)/.test(text));
}

/** Tests are compiled without optimization, which takes two thirds of the time. What they test is optimized. */
function optimization(source) {
  return /^native\/(test|fuzz)\//.test(source) ? '-O0' : '-O1';
}

/** The test binary for one sanitizer. */
class Variant {
  #sources;
  #flags;
  #objects;

  constructor(sanitizer, sources) {
    this.#sources = sources;
    // -g1 has the lines for the sanitizers' reports; with -g, compiling takes half as long again.
    this.#flags = [...CXX_FLAGS, '-g1', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all'];
    this.#objects = new CxxObjects({
      compiler: process.env.CXX ?? 'g++',
      directory: join(cacheOf(root), 'engine-tests', sanitizer.split(',')[0]),
      sources,
      flagsOf: (source) => [...this.#flags, optimization(source)],
      header: 'native/test/standard_library.h',
    });
  }

  compilations() {
    return this.#objects.compilations();
  }

  get binary() {
    return this.#objects.path('tests');
  }

  /** Whether all tests of exactly this binary have passed before, with the same inputs. */
  get passed() {
    return this.#objects.recorded('passed') === this.#tested();
  }

  recordPass() {
    this.#objects.record('passed', this.#tested());
  }

  #tested() {
    return digest(JSON.stringify([this.#objects.recorded('tests'), digests(root, [CORPUS])]));
  }

  async link() {
    const wanted = this.#objects.digest();
    const { binary } = this;
    if (existsSync(binary) && this.#objects.recorded('tests') === wanted) return;
    const paths = this.#sources.map((source) => this.#objects.of(source));
    await this.#objects.compile([...this.#flags, ...paths, '-ldl', '-o', `${binary}.new`]);
    renameSync(`${binary}.new`, binary); // replaced, not overwritten: another run may be executing the old one
    this.#objects.prune();
    this.#objects.record('tests', wanted);
  }
}

/** Runs the tests of a variant. Resolves with the exit code. */
function runTests(variant) {
  const { binary } = variant;
  return new Promise((resolve) => {
    // `setarch -R` disables address randomization, since the thread sanitizer needs a certain memory layout.
    const env = quick ? { ...process.env, TSVDE_QUICK: '1' } : process.env;
    const child = spawn('setarch', ['-R', binary, ...words], { cwd: root, stdio: ['ignore', 2, 2], env });
    const limit = setTimeout(() => {
      console.error(`'${binary}' did not end in ${LIMIT_SECONDS} s`);
      child.kill('SIGKILL');
    }, LIMIT_SECONDS * 1000);
    child.on('error', (error) => {
      clearTimeout(limit);
      console.error(`cannot run '${binary}': ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => {
      clearTimeout(limit);
      if (code === 0 && words.length === 0) variant.recordPass();
      resolve(code ?? 1);
    });
  });
}

try {
  writeCompileCommands(root);
  const variants = await withLock(`tsvde-engine-tests:${root}`, compileAll);
  const wanted = variants.filter(({ passed }) => !(quick && passed));
  if (wanted.length === 0) console.error('Nothing has changed since they passed.');
  const codes = await Promise.all(wanted.map(runTests));
  const ran = codes.filter((code) => code !== NONE_NAMED);
  if (ran.length < codes.length && ran.length === 0) throw new Error(`no test is named like '${words[0]}'`);
  process.exitCode = Math.max(0, ...ran);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

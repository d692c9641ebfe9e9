// npm run test:engine [-- NAME]: the tests of the engine and of the user-mode stack, which do not need Node. All tests
// are compiled to find memory errors and undefined behaviour. Those that use threads are compiled a second time, to
// find data races. NAME selects tests whose names, or whose files' names, contain it. Only what has changed is
// compiled. With --quick, for `npm run check`, data races are not looked for, random tests run a tenth of their rounds,
// and nothing runs if nothing has changed since these tests last passed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cacheOf, checkout as root } from './build.mjs';
import { CXX_FLAGS, cxxFiles, ENGINE_DIRECTORIES, writeCompileCommands } from './compile-commands.mjs';
import { digest, filesBelow } from './digest.mjs';
import { withLock } from './lock.mjs';
import { Progress } from './progress.mjs';

const quick = process.argv.includes('--quick');
const words = process.argv.slice(2).filter((word) => word !== '--quick');

/**
 * The tests have their own main(), and need libc's functions that tsvde-slirp replaces.
 */
const NOT_LINKED = ['native/slirp/main.cc', 'native/slirp/interposed.cc'];
/** The exit code of a test binary if no test matches NAME. */
const NONE_NAMED = 2;
/** How long a test binary may run before it is stopped. Each test also has a shorter limit, in native/test/main.cc. */
const LIMIT_SECONDS = 1200;

const compiler = process.env.CXX ?? 'g++';
const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout;
const hashes = new Map();

/** Compiles and links all variants, one for each sanitizer, and returns them. */
async function compileAll() {
  const sources = cxxFiles(root, [...ENGINE_DIRECTORIES, 'native/confine', 'native/slirp', 'native/test'], /\.cc$/);
  const variants = [
    new Variant(
      'address,undefined',
      sources.filter((source) => !NOT_LINKED.includes(source)),
    ),
  ];
  if (!quick) variants.push(new Variant('thread', sources.filter(mayRace)));
  const waiting = variants.flatMap((variant) => variant.compilations());
  if (waiting.length > 0) await compileInParallel(waiting);
  await Promise.all(variants.map((variant) => variant.link()));
  return variants;
}

/** Runs compilations, as many at a time as there are cores. Throws the first failure. */
async function compileInParallel(waiting) {
  const progress = await Progress.start("compiling the engine's tests", waiting.length);
  const failures = [];
  const work = async () => {
    for (let next = waiting.shift(); next && failures.length === 0; next = waiting.shift()) {
      await next().catch((error) => failures.push(error));
      progress.advance();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failures.length === 0) return progress.end();
  progress.fail();
  throw failures[0];
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

/** The objects and the binary for one sanitizer, each with the digest of its inputs. */
class Variant {
  #directory;
  #sources;
  #flags;
  #state;
  /** The digests, by the names of the files in the variant's directory. */
  #made;

  constructor(sanitizer, sources) {
    this.#sources = sources;
    this.#directory = join(cacheOf(root), 'engine-tests', sanitizer.split(',')[0]);
    // -g1 has the lines for the sanitizers' reports; with -g, compiling takes half as long again.
    this.#flags = [...CXX_FLAGS, '-O1', '-g1', `-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all'];
    mkdirSync(this.#directory, { recursive: true });
    this.#state = this.#path('state.json');
    this.#made = existsSync(this.#state) ? JSON.parse(readFileSync(this.#state, 'utf8')) : {};
  }

  /** Returns, for each source whose object is not up to date, a function that compiles the source. */
  compilations() {
    return this.#sources.flatMap((source) => this.#compilation(source) ?? []);
  }

  #compilation(source) {
    const object = objectOf(source);
    if (existsSync(this.#path(object)) && this.#made[object] === this.#digest(source)) return undefined;
    return async () => {
      this.#record(object, undefined);
      const started = Date.now();
      const list = this.#path(`${object}.d`);
      await compile([...this.#flags, '-MMD', '-MF', list, '-c', source, '-o', this.#path(object)]);
      // A file that was saved during the compilation may or may not be in the object, so the object is not recorded as
      // up to date.
      if (dependencies(list).every((file) => statSync(join(root, file)).mtimeMs < started))
        this.#record(object, this.#digest(source));
    };
  }

  get binary() {
    return this.#path('tests');
  }

  /** Whether all tests of exactly this binary have passed before. */
  get passed() {
    return this.#made.passed !== undefined && this.#made.passed === this.#made.tests;
  }

  recordPass() {
    this.#record('passed', this.#made.tests);
  }

  async link() {
    const objects = this.#sources.map(objectOf);
    const wanted = digest(JSON.stringify([this.#flags, objects.map((object) => [object, this.#made[object]])]));
    const { binary } = this;
    if (!existsSync(binary) || this.#made.tests !== wanted) {
      const paths = objects.map((object) => this.#path(object));
      await compile([...this.#flags, ...paths, '-ldl', '-o', `${binary}.new`]);
      renameSync(`${binary}.new`, binary); // replaced, not overwritten: another run may be executing the old one
      for (const gone of filesBelow(this.#directory, '.').filter((name) => isObjectOfNone(name, objects)))
        rmSync(this.#path(gone));
      this.#record('tests', wanted);
    }
  }

  /**
   * Returns a digest of the compiler, the flags, the source and all headers that it included; undefined if the headers
   * are unknown.
   */
  #digest(source) {
    const list = this.#path(`${objectOf(source)}.d`);
    if (!existsSync(list)) return undefined;
    return digest(JSON.stringify([version, this.#flags, dependencies(list).map((file) => [file, hashOf(file)])]));
  }

  #record(name, value) {
    this.#made[name] = value;
    writeFileSync(`${this.#state}.new`, JSON.stringify(this.#made));
    renameSync(`${this.#state}.new`, this.#state);
  }

  #path(name) {
    return join(this.#directory, name);
  }
}

function objectOf(source) {
  return `${source.replaceAll('/', '.')}.o`;
}

function isObjectOfNone(name, objects) {
  return /\.o(\.d)?$/.test(name) && !objects.includes(name.replace(/\.d$/, ''));
}

/** Returns the source and its headers, from the list of dependencies that the compiler wrote. */
function dependencies(list) {
  const [, ...files] = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').trim().split(/\s+/);
  return files;
}

/** Returns the hash of a file's contents; undefined if the file does not exist. */
function hashOf(file) {
  const path = join(root, file);
  if (!hashes.has(file)) hashes.set(file, existsSync(path) ? digest(readFileSync(path)) : undefined);
  return hashes.get(file);
}

function compile(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`'${compiler} … ${args.slice(-3).join(' ')}' failed`)),
    );
  });
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
  if (!version) throw new Error(`the engine's tests need a C++ compiler: cannot run '${compiler}'`);
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

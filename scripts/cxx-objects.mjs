// The objects of C++ sources for one compiler. An object is compiled again only if its source, a header that the source
// includes, the source's flags or the compiler have changed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkout as root } from './build.mjs';
import { digest, filesBelow } from './digest.mjs';
import { Progress } from './progress.mjs';

const hashes = new Map();

export class CxxObjects {
  #compiler;
  #version;
  #directory;
  #sources;
  #flagsOf;
  #header;
  /** Promises of precompiled headers, by path. */
  #precompiled = new Map();
  /** Digests by name: of what each object was made from, and of what the caller has recorded. */
  #made;

  /**
   * `flagsOf` returns the flags for a source. `header`, if given, is passed to the compiler by -include for every source,
   * and is precompiled for each set of flags. Throws an Error with a sentence if the compiler is missing.
   */
  constructor({ compiler, directory, sources, flagsOf, header }) {
    this.#compiler = compiler;
    this.#version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout;
    if (!this.#version) throw new Error(`a C++ compiler is missing: cannot run '${compiler}'`);
    this.#directory = directory;
    this.#sources = sources;
    this.#flagsOf = flagsOf;
    // Clang refuses a precompiled header whose source was touched, and lists that source by its absolute path.
    this.#header = /clang/.test(this.#version) ? undefined : header;
    mkdirSync(directory, { recursive: true });
    const state = this.path('state.json');
    this.#made = existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : {};
  }

  /** Returns, for each source whose object is not up to date, a function that compiles the source. */
  compilations() {
    return this.#sources.flatMap((source) => this.#compilation(source) ?? []);
  }

  #compilation(source) {
    const object = objectOf(source);
    if (existsSync(this.path(object)) && this.#made[object] === this.#digest(source)) return undefined;
    return async () => {
      this.record(object, undefined);
      const started = Date.now();
      const list = this.path(`${object}.d`);
      const flags = this.#flagsOf(source);
      const include = await this.#include(flags);
      await this.compile([...flags, ...include, '-MMD', '-MF', list, '-c', source, '-o', this.path(object)]);
      // A file that was saved during the compilation may or may not be in the object, so the object is not recorded as
      // up to date.
      if (dependencies(list).every((file) => statSync(join(root, file)).mtimeMs < started))
        this.record(object, this.#digest(source));
    };
  }

  /** Compiles the header for a set of flags, if no other source has done so. Resolves with the flags that include it. */
  async #include(flags) {
    if (!this.#header) return [];
    const path = this.#precompiledPath(flags);
    if (!this.#precompiled.has(path)) this.#precompiled.set(path, this.#precompile(flags, path));
    await this.#precompiled.get(path);
    return ['-include', path.slice(0, -'.gch'.length), '-Winvalid-pch'];
  }

  async #precompile(flags, path) {
    if (existsSync(path)) return;
    await this.compile([...flags, '-x', 'c++-header', this.#header, '-o', `${path}.new`]);
    renameSync(`${path}.new`, path);
  }

  #precompiledPath(flags) {
    const name = digest(JSON.stringify([this.#version, flags, hashOf(this.#header)])).slice(0, 16);
    return this.path(`${name}.h.gch`);
  }

  /** Returns the path of a source's object. */
  of(source) {
    return this.path(objectOf(source));
  }

  /** Returns a digest of all objects, which depends on their flags. */
  digest() {
    const objects = this.#sources.map(objectOf);
    return digest(JSON.stringify(objects.map((object) => [object, this.#made[object]])));
  }

  /** Runs the compiler. Rejects with the end of the command line if it fails. */
  compile(args) {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#compiler, args, { cwd: root, stdio: ['ignore', 2, 2] });
      child.on('error', reject);
      child.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`'${this.#compiler} … ${args.slice(-3).join(' ')}' failed`)),
      );
    });
  }

  /** Removes the objects of sources that no longer exist, and headers that were precompiled for other flags. */
  prune() {
    const objects = this.#sources.map(objectOf);
    const wanted = new Set(this.#header && this.#sources.map((source) => this.#precompiledPath(this.#flagsOf(source))));
    for (const name of filesBelow(this.#directory, '.')) {
      const path = this.path(name);
      if (isObjectOfNone(name, objects) || (name.endsWith('.gch') && !wanted.has(path))) rmSync(path);
    }
  }

  recorded(name) {
    return this.#made[name];
  }

  record(name, value) {
    this.#made[name] = value;
    const state = this.path('state.json');
    writeFileSync(`${state}.new`, JSON.stringify(this.#made));
    renameSync(`${state}.new`, state);
  }

  path(name) {
    return join(this.#directory, name);
  }

  /**
   * Returns a digest of the compiler, the flags, the source and all headers that it included; undefined if the headers
   * are unknown.
   */
  #digest(source) {
    const list = this.path(`${objectOf(source)}.d`);
    if (!existsSync(list)) return undefined;
    const files = [...dependencies(list), ...(this.#header ? [this.#header] : [])].map((file) => [file, hashOf(file)]);
    return digest(JSON.stringify([this.#version, this.#flagsOf(source), files]));
  }
}

/** Runs compilations, as many at a time as there are cores, and shows how far they are. Throws the first failure. */
export async function compileInParallel(what, waiting) {
  if (waiting.length === 0) return;
  const progress = await Progress.start(what, waiting.length);
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

function objectOf(source) {
  return `${source.replaceAll('/', '.')}.o`;
}

function isObjectOfNone(name, objects) {
  return /\.o(\.d)?$/.test(name) && !objects.includes(name.replace(/\.d$/, ''));
}

/** Returns the source and its headers, without the precompiled header, from the list that the compiler wrote. */
function dependencies(list) {
  const [, ...files] = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').trim().split(/\s+/);
  return files.filter((file) => !file.endsWith('.gch'));
}

/** Returns the hash of a file's contents; undefined if the file does not exist. */
function hashOf(file) {
  const path = join(root, file);
  if (!hashes.has(file)) hashes.set(file, existsSync(path) ? digest(readFileSync(path)) : undefined);
  return hashes.get(file);
}

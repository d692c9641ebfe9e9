// npm run fuzz [TARGET] [MINUTES]: runs the fuzz targets in native/fuzz, or only TARGET, each for MINUTES (1), under
// libFuzzer and the address and undefined behaviour sanitizers. The inputs that reach new code are kept in the build
// cache, and the next run begins with them and with those in native/fuzz/corpus. An input that fails is kept beside
// them, and the run fails. Needs clang and libclang-rt-dev.
// npm run fuzz -- --keep [TARGET]: chooses a few of all those inputs that together reach the same code, and puts them
// into native/fuzz/corpus, on which `npm test` runs the targets. Files there that have a name of their own stay.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { cacheOf, checkout as root } from './build.mjs';
import { CXX_FLAGS, cxxFiles, ENGINE_DIRECTORIES } from './compile-commands.mjs';
import { CxxObjects, compileInParallel } from './cxx-objects.mjs';
import { withLock } from './lock.mjs';
import { Progress } from './progress.mjs';
import { hasProgram } from './set-up.mjs';

const MAIN = 'native/fuzz/main.cc';
const SANITIZERS = 'address,undefined';
/** The longest input in bytes. Longer inputs are slower and reach nothing more. */
const LONGEST = 1000;
/** The longest input that is kept in git. */
const LONGEST_KEPT = 400;
/** The name that libFuzzer gives to an input: its SHA-1. */
const HASH = /^[0-9a-f]{40}$/;

const home = join(cacheOf(root), 'fuzz');
const TARGETS = cxxFiles(root, ['native/fuzz'], /\.cc$/)
  .filter((source) => source !== MAIN)
  .map((source) => basename(source, '.cc'));

/** Returns what the words of the command line ask for. Throws an Error with a sentence if they are wrong. */
function parse(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { keep: { type: 'boolean', default: false } },
  });
  const isNumber = (word) => word !== undefined && /^[\d.]/.test(word);
  const words = isNumber(positionals[0]) ? [undefined, ...positionals] : positionals;
  const [target, minutes = '1', ...rest] = words;
  if (target !== undefined && !TARGETS.includes(target))
    throw new Error(`there is no fuzz target '${target}': there are ${TARGETS.join(', ')}`);
  if (!(Number(minutes) > 0 && Number.isFinite(Number(minutes))))
    throw new Error(`'${minutes}' is not a number of minutes above 0`);
  if (rest.length > 0) throw new Error(`'${rest[0]}' is one word too many: the words are TARGET and MINUTES`);
  return { names: target === undefined ? TARGETS : [target], seconds: Math.ceil(minutes * 60), keep: values.keep };
}

/** Compiles what is stale, and links a program for each target. */
async function build(names) {
  if (!hasProgram('clang++'))
    throw new Error("fuzzing needs clang and its libFuzzer: install Debian's clang and libclang-rt-dev");
  // Without the program and without its own socket(), bind() and connect().
  const library = cxxFiles(root, [...ENGINE_DIRECTORIES, 'native/slirp'], /(?<!^main|^interposed)\.cc$/);
  const ours = [MAIN, ...TARGETS.map(sourceOf)];
  const objects = new CxxObjects({
    compiler: 'clang++',
    directory: join(home, 'objects'),
    sources: [...library, ...ours],
    flagsOf: () => [...CXX_FLAGS, '-O1', '-g1', `-fsanitize=fuzzer-no-link,${SANITIZERS}`, '-fno-sanitize-recover=all'],
  });
  await compileInParallel('compiling the fuzz targets', objects.compilations());
  objects.prune();
  // From an archive, the linker takes only the objects that the target needs.
  const archive = objects.path('library.a');
  rmSync(archive, { force: true });
  execute('ar', ['rcs', archive, ...library.map((source) => objects.of(source))]);
  for (const name of names) {
    const parts = [objects.of(sourceOf(name)), objects.of(MAIN), archive];
    await objects.compile([`-fsanitize=fuzzer,${SANITIZERS}`, '-pthread', ...parts, '-o', programOf(name)]);
  }
}

/** Runs a target, and prints what came of it. Resolves with whether no input failed. */
async function fuzz(name, seconds) {
  const own = join(home, 'corpus', name);
  mkdirSync(own, { recursive: true });
  const artifacts = join(home, 'failed', `${name}-`);
  mkdirSync(join(home, 'failed'), { recursive: true });
  const log = join(home, `${name}.log`);
  const limits = [`-max_total_time=${seconds}`, `-max_len=${LONGEST}`, '-print_final_stats=1', '-timeout=60'];
  // The code under test handles SIGBUS itself.
  const args = ['-handle_bus=0', ...limits, `-artifact_prefix=${artifacts}`, own, ...keptOf(name)];
  const progress = await Progress.start(`fuzzing ${name}`, seconds);
  const child = spawn(programOf(name), args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  const output = createWriteStream(log);
  let inputs = 0;
  let last = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    output.write(`${line}\n`);
    const [, count] = /^#(\d+)\s/.exec(line) ?? /^stat::number_of_executed_units:\s*(\d+)/.exec(line) ?? [];
    if (count !== undefined) inputs = Number(count);
    if (line.startsWith('SUMMARY: ') || line.includes(': not so: ')) last = line;
  });
  const clock = setInterval(() => progress.advance(`${grouped(inputs)} inputs`), 1000);
  const started = performance.now();
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  clearInterval(clock);
  output.end();
  await finished(output);
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  if (code === 0) {
    progress.end();
    console.log(`${name}: ${grouped(inputs)} inputs in ${minutes} minutes, none of them failed`);
    return true;
  }
  progress.fail();
  const [, failed] = /Test unit written to (\S+)/.exec(readFileSync(log, 'utf8')) ?? [];
  console.log(`${name}: failed after ${grouped(inputs)} inputs: ${last || `it ended with ${code}`}`);
  console.log(`  ${log} has the report`);
  if (failed) console.log(`  ${programOf(name)} ${failed} repeats it`);
  return false;
}

/** Chooses the inputs of a target that are kept in git. */
function keep(name) {
  const kept = corpusOf(name);
  const fresh = join(home, 'kept', name);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  mkdirSync(kept, { recursive: true });
  for (const file of readdirSync(kept).filter((file) => !HASH.test(file)))
    copyFileSync(join(kept, file), join(fresh, file));
  // Without counters, an input is chosen only if it reaches code that none of the others does.
  const choice = ['-merge=1', '-use_counters=0', '-handle_bus=0', `-max_len=${LONGEST_KEPT}`];
  execute(programOf(name), [...choice, fresh, join(home, 'corpus', name), kept]);
  for (const file of readdirSync(kept).filter((file) => HASH.test(file))) rmSync(join(kept, file));
  for (const file of readdirSync(fresh)) copyFileSync(join(fresh, file), join(kept, file));
  console.log(`${name}: ${readdirSync(kept).length} inputs are kept`);
}

const sourceOf = (name) => `native/fuzz/${name}.cc`;
const programOf = (name) => join(home, name);
const corpusOf = (name) => join(root, 'native/fuzz/corpus', name);
const keptOf = (name) => [corpusOf(name)].filter(existsSync);
const grouped = (count) => count.toLocaleString('en-GB');

/** Runs a program. If it fails, throws an Error with its output. */
function execute(program, args) {
  const { error, status, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error || status !== 0) throw new Error(`cannot run '${program}': ${error?.message ?? stderr}`);
}

try {
  const { names, seconds, keep: keeps } = parse(process.argv.slice(2));
  mkdirSync(home, { recursive: true });
  await withLock(`tsvde-fuzz:${root}`, () => build(names));
  if (keeps) {
    for (const name of names) keep(name);
  } else {
    let sound = true;
    for (const name of names) sound = (await fuzz(name, seconds)) && sound;
    process.exitCode = sound ? 0 : 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

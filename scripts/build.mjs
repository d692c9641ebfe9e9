// node scripts/build.mjs [ts | native]: builds what is stale and nothing else. tsc and rolldown build dist/; node-gyp
// builds the addon and the other native products.
//
// A stamp records a successful build: the hashes of its inputs and of its outputs. A product is fresh only if neither
// have changed, so a failed build or a deleted source cannot leave a product that looks fresh.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { bundlePrograms } from './bundle.mjs';
import { bundlePage } from './bundle-page.mjs';
import { writeCompileCommands } from './compile-commands.mjs';
import { digest, digests, filesBelow } from './digest.mjs';
import { withLock } from './lock.mjs';
import { Progress } from './progress.mjs';

export const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Returns the directory in which builds of a checkout keep files for later builds. */
export const cacheOf = (root) => join(root, 'node_modules/.cache/tsvde');

const PRODUCTS = {
  native: {
    sources: [
      'native/engine',
      'native/addon',
      'native/confine',
      'native/slirp',
      'native/vhost',
      'native/filter',
      'native/binding.gyp',
      'package.json', // the addon has the version
      installed('node-addon-api'),
    ],
    products: ['tsvde.node', 'tsvde-slirp', 'tsvde-filter', 'engine.a'].map((name) => `native/build/Release/${name}`),
    build: buildNative,
  },
  ts: {
    sources: [
      ...[
        'src',
        'tsconfig.json',
        'package.json',
        'scripts/bundle.mjs',
        'scripts/bundle-page.mjs',
        'scripts/licences.mjs',
      ],
      ...['typescript', '@types/node', 'rolldown', 'commander', '@noble/hashes', 'fast-string-truncated-width'].map(
        installed,
      ),
      ...['uplot', 'ink', 'react'].map(installed),
    ],
    products: ['dist'],
    build: buildTypeScript,
  },
};

/** Builds those of the named products that are stale. Throws an Error with a sentence if a build fails. */
export async function build(names = Object.keys(PRODUCTS), root = checkout) {
  // Checked first without the lock, so that a run that has nothing to build does not wait.
  if (names.every((name) => isFresh(name, root))) return;
  await withLock(`tsvde-build:${digest(root)}`, async () => {
    for (const name of names) {
      const { products, build } = PRODUCTS[name];
      const { fresh, ...state } = compare(name, root);
      if (fresh) continue; // another run has built it meanwhile
      await build(root, state);
      // The recorded inputs are those from before the build, so that a source saved during the build makes the product
      // stale.
      writeStamp(name, root, { inputs: state.inputs, outputs: digests(root, products) });
    }
  });
}

function isFresh(name, root) {
  return compare(name, root).fresh;
}

function compare(name, root) {
  const { sources, products } = PRODUCTS[name];
  const old = readStamp(name, root);
  const inputs = digests(root, sources);
  const outputs = digests(root, products);
  const fresh = isDeepStrictEqual(old?.inputs, inputs) && isDeepStrictEqual(old.outputs, outputs);
  return { fresh, old, inputs, outputs };
}

/** Compiles into a separate directory, and replaces dist/ only if that succeeds. */
async function buildTypeScript(root) {
  const fresh = join(cacheOf(root), 'dist');
  rmSync(fresh, { recursive: true, force: true });
  await showing('compiling TypeScript', undefined, async () => {
    await execute(root, 'node_modules/.bin/tsc', ['-p', 'tsconfig.json', '--outDir', fresh]);
    await bundlePrograms(root, fresh);
    await bundlePage(root, fresh);
  });
  const dist = join(root, 'dist');
  const names = filesBelow(fresh, '.');
  for (const gone of filesBelow(dist, '.').filter((name) => !names.includes(name))) rmSync(join(dist, gone));
  for (const name of names) {
    const [from, to] = [join(fresh, name), join(dist, name)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
  rmSync(fresh, { recursive: true });
}

async function buildNative(root, { old, inputs, outputs }) {
  const release = join(root, 'native/build/Release');
  if (old && deceivesMake(root, old, inputs, outputs)) rmSync(release, { recursive: true, force: true });
  // Only a first build compiles every source; only make knows how many sources a later build compiles.
  const gyp = readFileSync(join(root, 'native/binding.gyp'), 'utf8');
  const sources = existsSync(release) ? undefined : gyp.match(/"[^"]+\.cc"/g).length;
  await showing('compiling C++', sources, (progress) =>
    execute(root, 'npm', ['run', '--silent', 'build:native'], (line) => {
      const [, source] = /^ +CXX\(target\) .*\/obj\.target\/[^/]+\/(.*)\.o$/.exec(line) ?? [];
      if (source) progress.advance(source);
    }),
  );
  writeCompileCommands(root);
}

/**
 * Returns whether make would take a stale product for fresh. make compares times, so it would not compile a source that
 * was replaced by a version older than the product.
 */
function deceivesMake(root, old, inputs, outputs) {
  const changed = Object.keys(inputs).filter((path) => inputs[path] !== old.inputs[path]);
  if (changed.length === 0) return Object.keys(outputs).length > 0 && !isDeepStrictEqual(old.outputs, outputs);
  const made = Object.keys(outputs).map((path) => statSync(join(root, path)).mtimeMs);
  return changed.some((path) => statSync(join(root, path)).mtimeMs <= Math.max(...made));
}

function stampOf(name, root) {
  return join(cacheOf(root), `${name}.json`);
}

function readStamp(name, root) {
  try {
    return JSON.parse(readFileSync(stampOf(name, root), 'utf8'));
  } catch {
    return undefined; // it was never built here, or not by this script
  }
}

function writeStamp(name, root, stamp) {
  const path = stampOf(name, root);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(stamp));
  renameSync(`${path}.new`, path);
}

/** Returns a file that changes with the version of an installed package. */
function installed(name) {
  return `node_modules/${name}/package.json`;
}

/** Runs an action while its progress is shown. */
async function showing(what, total, action) {
  const progress = await Progress.start(what, total);
  try {
    await action(progress);
    progress.end();
  } catch (error) {
    progress.fail();
    throw error;
  }
}

/** Runs a command, and calls `onLine` with each line of its output. If it fails, prints the output to stderr. */
function execute(root, command, args, onLine = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let line = '';
    const read = (text) => {
      output += text;
      const lines = (line + text).split('\n');
      line = lines.pop();
      for (const one of lines) onLine(one);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', (error) => reject(new Error(`cannot run ${command}: ${error.message}`)));
    child.once('close', (code) => {
      if (code === 0) return resolve();
      process.stderr.write(output);
      reject(new Error(`'${command} ${args.join(' ')}' failed`));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const names = process.argv.slice(2);
    const unknown = names.find((name) => !Object.hasOwn(PRODUCTS, name));
    if (unknown !== undefined) throw new Error(`there is no product '${unknown}': there are ts and native`);
    await build(names.length > 0 ? names : undefined);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

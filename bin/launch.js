// Loads a program for its launcher. Ends the process with a sentence if this Node is too old or a file cannot be loaded.
// Each launcher requires this file first, since an older Node may be unable to load the rest. A test compares the numbers
// with package.json.
//
// The archive and the Debian package have V8's compiled code beside each file of a program, in FILE.code. V8 ignores that
// code, and compiles the file, if it was made by another V8 or with other flags.
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(
    `tsvde needs Node 20.19 or newer, and this is Node ${process.versions.node}: install a newer Node, ` +
      "or use tsvde's archive or Debian package, which contain one",
  );

const loaded = new Map();

/** Returns what a program of dist/bin/ exports. */
function launch(name) {
  try {
    return load(join(__dirname, `../dist/bin/${name}.cjs`));
  } catch (error) {
    const why = reason(error);
    if (why === undefined) throw error;
    fail(`tsvde cannot be loaded: ${why}: install tsvde again or, in a checkout, run 'npm run build'`);
  }
}

/** Returns what a CommonJS module exports. */
function load(path) {
  const known = loaded.get(path);
  if (known) return known.module.exports;
  // The bundler writes ASCII.
  const text = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'latin1')}\n})`;
  const script = new Script(text, {
    filename: exports.nameOf(path),
    cachedData: codeOf(path),
  });
  const module = { exports: {} };
  loaded.set(path, { module, script });
  const requireFrom = (name) => {
    if (!name.startsWith('.')) return require(name);
    const file = join(dirname(path), name);
    return name.endsWith('.mjs') ? import(pathToFileURL(file)) : load(file); // import() returns a promise
  };
  script.runInThisContext()(module.exports, requireFrom, module, path, dirname(path));
  return module.exports;
}

function codeOf(path) {
  try {
    return readFileSync(`${path}.code`);
  } catch {
    return undefined;
  }
}

/** Returns V8's code for each loaded file, by its path. The code is complete for the functions that have run. */
function compiledCode() {
  return [...loaded].map(([path, { script }]) => [path, script.createCachedData()]);
}

/** Returns what is wrong with a file: it is missing, unreadable or damaged. Returns undefined for any other error. */
function reason(error) {
  if (error instanceof SyntaxError) return `${error.stack.split('\n', 1)[0]}: ${error.message}`;
  if (['EACCES', 'EIO', 'EISDIR', 'ENOENT'].includes(error.code) && error.syscall !== undefined) return error.message;
  return undefined;
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

exports.launch = launch;
exports.compiledCode = compiledCode;
/** The name of a file in V8's code, which is replaced by the file's path where the code is used. */
exports.nameOf = (path) => path;

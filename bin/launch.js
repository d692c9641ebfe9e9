// Loads a program for its launcher. Ends the process with a sentence if this Node is too old or a file cannot be loaded.
// Each launcher requires this file first, since an older Node may be unable to load the rest. A test compares the numbers
// with package.json. In the archive and the Debian package, the launchers in bin/ contain the text of this file, and those
// in bin/compat/ require it.
//
// The archive and the Debian package have V8's compiled code beside each file of a program, in FILE.code. V8 ignores that
// code, and compiles the file, if the code was made by another V8, with other flags, or for a text of another length. V8
// does not notice damage to the code itself, or another text of the same length.
const { readFileSync, realpathSync, statSync } = require('node:fs');
const { dirname } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(
    `tsvde needs Node 20.19 or newer, and this is Node ${process.versions.node}: install a newer Node, ` +
      "or use tsvde's archive or Debian package, which contain one",
  );

const INSTALL = "install tsvde again or, in a checkout, run 'npm run build'";
const END_OTHERS = 'end programs that are not needed, and start tsvde again';
/** The remedies for want of descriptors or memory, by the name of the errno. */
const REMEDIES = {
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENFILE: END_OTHERS,
  ENOMEM: END_OTHERS,
};

/** The package's directory. If it is a link that later leads elsewhere, a running program keeps to its own files. */
const HOME = realpathSync.native(dirname(__dirname));
const loaded = new Map();

/** Returns what a program of dist/bin/ exports. */
function launch(name) {
  return load(`${HOME}/dist/bin/${name}.cjs`);
}

/** Returns what a CommonJS module exports. */
function load(path) {
  const known = loaded.get(path);
  if (known) return known.module.exports;
  const script = compile(path);
  const module = { exports: {} };
  loaded.set(path, { module, script });
  const requireFrom = (name) => {
    if (!name.startsWith('.')) return require(name);
    // The bundler writes all files into one directory, so `name` begins with `./`.
    const file = `${dirname(path)}/${name.slice('./'.length)}`;
    return name.endsWith('.mjs') ? importModule(file) : load(file);
  };
  script.runInThisContext()(module.exports, requireFrom, module, path, dirname(path));
  return module.exports;
}

function compile(path) {
  try {
    // The bundler writes ASCII.
    const text = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'latin1')}\n})`;
    return new Script(text, { filename: exports.nameOf(path), cachedData: codeOf(path) });
  } catch (error) {
    throw explained(error, path);
  }
}

async function importModule(path) {
  try {
    return await import(pathToFileURL(path));
  } catch (error) {
    throw explained(error, path);
  }
}

/** Returns V8's code for a file. Code that is older than the file is ignored: packing gives both the same time. */
function codeOf(path) {
  const code = `${path}.code`;
  try {
    return statSync(code).mtimeMs < statSync(path).mtimeMs ? undefined : readFileSync(code);
  } catch {
    return undefined;
  }
}

/** Returns V8's code for each loaded file, by its path. The code is complete for the functions that have run. */
function compiledCode() {
  return [...loaded].map(([path, { script }]) => [path, script.createCachedData()]);
}

/**
 * Returns the error to throw if a file cannot be loaded: for a file that is missing, unreadable or damaged, an error with
 * a sentence. If the program does not handle that error, the process ends with the sentence in place of a stack. The
 * program can clean up first, since some files are loaded while it serves.
 */
function explained(error, path) {
  const why = reason(error, path);
  if (why === undefined) return error;
  const told = new Error(`tsvde cannot be loaded: ${why}: ${REMEDIES[error.code] ?? INSTALL}`);
  process.once('uncaughtException', (uncaught) => fail(uncaught === told ? told.message : uncaught.stack));
  return told;
}

/** Returns what is wrong with a file. Returns undefined if the error is another one. */
function reason(error, path) {
  if (error instanceof SyntaxError) return `'${path}': ${error.message}`;
  if (error.code === 'ERR_MODULE_NOT_FOUND') return error.message;
  if (error.code === undefined || error.syscall === undefined) return undefined;
  return error.path === undefined ? `${error.message} '${path}'` : error.message;
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

exports.launch = launch;
exports.compiledCode = compiledCode;
/** The name of a file in V8's code, which is replaced by the file's path where the code is used. */
exports.nameOf = (path) => path;

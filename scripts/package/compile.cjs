// node compile.cjs HOME NAME ARGS…: runs a program of an installed tsvde, and writes V8's code for the functions that have
// run. It runs in the Node that will use the code. With READY in the environment, which names a file, the program serves,
// and is ended once it has written to that file that it is ready.
const { chmodSync, openSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [home, name, ...args] = process.argv.splice(2);
const { READY } = process.env;
const launcher = require(join(home, 'bin/launch.js'));
// A path would make the code that of one directory.
launcher.nameOf = () => 'tsvde';

function writeCode() {
  for (const [path, code] of launcher.compiledCode()) {
    writeFileSync(`${path}.code`, code);
    chmodSync(`${path}.code`, 0o644);
  }
}

function endOnceReady() {
  if (statSync(READY).size === 0) return setImmediate(endOnceReady);
  writeCode();
  process.kill(process.pid);
}

if (READY === undefined) process.once('exit', writeCode);
else {
  args.push('--ready-fd', openSync(READY, 'w'));
  setImmediate(endOnceReady);
}
process.argv.splice(1, 1, join(home, 'bin', name), ...args.map(String));
launcher.launch(name).main(process.argv.slice(2));

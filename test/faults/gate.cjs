// Loaded by `node --require`: when tsvde's code is loaded, and before it runs, tells descriptor 4 and waits for a byte
// from it. Until then a test can make this process's system calls fail.
const { closeSync, readSync, writeSync } = require('node:fs');
const Module = require('node:module');

const load = Module.prototype.load;
Module.prototype.load = function (name) {
  load.call(this, name);
  if (!name.endsWith('/dist/bin/tsvde.cjs')) return;
  Module.prototype.load = load;
  writeSync(4, 'g');
  readSync(4, Buffer.alloc(1));
  closeSync(4);
};

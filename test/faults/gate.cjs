// Loaded by `node --require`: when bin/launch.js has loaded tsvde's code, and before the code runs, tells descriptor 4 and
// waits for a byte from it. Until then a test can make this process's system calls fail.
const { closeSync, readSync, writeSync } = require('node:fs');
const Module = require('node:module');

const load = Module.prototype.load;
Module.prototype.load = function (name) {
  load.call(this, name);
  if (!name.endsWith('/bin/launch.js')) return;
  Module.prototype.load = load;
  const { launch } = this.exports;
  this.exports.launch = (program) => {
    const loaded = launch(program);
    writeSync(4, 'g');
    readSync(4, Buffer.alloc(1));
    closeSync(4);
    return loaded;
  };
};

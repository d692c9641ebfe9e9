// Compiles the engine, the user-mode stack and their tests without Node, once for memory errors and undefined behaviour
// and once for data races, and runs both.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './set-up.mjs';

const SANITIZERS = ['address,undefined', 'thread'];
const DIRECTORIES = [
  'native/engine',
  'native/engine/endpoints',
  'native/engine/offload',
  'native/slirp',
  'native/test',
];
/** The tests have one of their own. */
const MAIN = join('native/slirp', 'main.cc');

const sources = DIRECTORIES.flatMap((directory) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(directory, name))
    .filter((path) => path !== MAIN),
);
const output = mkdtempSync('/tmp/tsvde-engine-');
try {
  const codes = await Promise.all(SANITIZERS.map(compileAndRun));
  process.exitCode = Math.max(...codes);
} finally {
  rmSync(output, { recursive: true });
}

async function compileAndRun(sanitizer) {
  const binary = join(output, sanitizer);
  const flags = [
    '-std=c++20',
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-Inative',
    '-pthread',
    `-fsanitize=${sanitizer}`,
    '-fno-sanitize-recover=all',
  ];
  const compiled = await run('g++', [...flags, ...sources, '-ldl', '-o', binary]);
  // The thread sanitizer wants addresses where it expects them.
  return compiled === 0 ? run('setarch', ['-R', binary]) : compiled;
}

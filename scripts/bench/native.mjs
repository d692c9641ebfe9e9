// The benchmark's own programs and its library, compiled once per run. The programs are load (clients that measure),
// relay and tap_relay (the fastest that any program could be), and plug (a VDE client with a network interface). The
// library is unconfined.so (tsvde without its confinement).
import { join } from 'node:path';
import { execute } from '../set-up.mjs';

const compiler = process.env.CXX ?? 'g++'; // which has compiled the engine
let built;

export function buildNative(scope) {
  built = scope.directory();
  for (const name of ['load', 'relay', 'tap_relay', 'plug']) {
    const flags = ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-Inative'];
    execute(compiler, [...flags, `native/bench/${name}.cc`, 'native/build/Release/engine.a', '-o', native(name)]);
  }
  const library = ['-shared', '-fPIC', 'native/bench/unconfined.cc', '-o', native('unconfined.so'), '-ldl'];
  execute(compiler, ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Werror', ...library]);
}

export function native(name) {
  return join(built, name);
}

// npm run fuzz [-- NAME [SECONDS]]: runs the fuzzers in native/fuzz, or only NAME, each for SECONDS (60), under the
// address and undefined behaviour sanitizers. They need clang and its libFuzzer (Debian: clang, libclang-rt-dev). The
// inputs that reach new code are kept in the build cache, and the next run begins with them. An input that fails is
// kept beside them, and its path is printed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheOf, checkout as root } from './build.mjs';
import { CXX_FLAGS, cxxFiles } from './compile-commands.mjs';

/** The directories whose sources each fuzzer is linked with. */
const PARTS = { vhost: ['native/vhost'] };

const [wanted, seconds = '60'] = process.argv.slice(2);
const names = readdirSync(join(root, 'native/fuzz')).map((file) => basename(file, '.cc'));
if (wanted !== undefined && !names.includes(wanted)) {
  console.error(`there is no fuzzer '${wanted}'; there are ${names.join(', ')}`);
  process.exit(1);
}
for (const name of wanted === undefined ? names : [wanted]) {
  const home = join(cacheOf(root), 'fuzz');
  const corpus = join(home, `${name}-corpus`);
  mkdirSync(corpus, { recursive: true });
  const sources = [`native/fuzz/${name}.cc`, ...cxxFiles(root, PARTS[name], /\.cc$/)];
  const sanitizers = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
  run('clang++', [...CXX_FLAGS, '-O1', '-g1', ...sanitizers, ...sources, '-o', join(home, name)]);
  // The code under test handles SIGBUS itself.
  const limits = ['-handle_bus=0', `-max_total_time=${seconds}`, '-max_len=600', '-print_final_stats=1'];
  run(join(home, name), [...limits, `-artifact_prefix=${home}/${name}-`, corpus]);
}

function run(program, args) {
  const { error, status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`cannot run '${program}': ${error.message}`);
  if (error || status !== 0) process.exit(status || 1);
}

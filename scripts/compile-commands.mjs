// Writes compile_commands.json, which tells clangd and clang-tidy how each C++ file is compiled.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const CXX_FLAGS = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-Inative', '-pthread'];

/** The directories of the engine and of what its thread calls. */
export const ENGINE_DIRECTORIES = [
  'native/engine',
  'native/engine/capture',
  'native/engine/endpoints',
  'native/engine/offload',
  'native/vhost',
];

/** All directories with C++ files, except native/build. */
export const CXX_DIRECTORIES = [
  ...ENGINE_DIRECTORIES,
  'native/confine',
  'native/slirp',
  'native/filter',
  'native/addon',
  'native/test',
  'native/bench',
  'native/fuzz',
];

const ADDON_FLAGS = ['-fPIC', '-fexceptions', '-DNAPI_VERSION=8', '-DNAPI_CPP_EXCEPTIONS'];

/** Returns the files in the directories whose names match the pattern. */
export function cxxFiles(root, directories, pattern = /\.(cc|h)$/) {
  return directories.flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => pattern.test(name))
      .map((name) => join(directory, name)),
  );
}

export function writeCompileCommands(root) {
  const entries = cxxFiles(root, CXX_DIRECTORIES, /\.cc$/).map((file) => ({
    directory: root,
    file,
    arguments: ['g++', ...CXX_FLAGS, ...(file.startsWith('native/addon') ? addonFlags(root) : []), '-c', file],
  }));
  const text = `${JSON.stringify(entries, null, 2)}\n`;
  const path = join(root, 'compile_commands.json');
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

/** Returns the flags for the addon, including the directory of Node's headers that node-gyp found or downloaded. */
function addonFlags(root) {
  const flags = [...ADDON_FLAGS, '-Inode_modules/node-addon-api'];
  const config = join(root, 'native/build/config.gypi');
  if (!existsSync(config)) return flags;
  const { variables } = JSON.parse(readFileSync(config, 'utf8').replace(/^#.*\n/, ''));
  return [...flags, `-I${variables.nodedir}/include/node`];
}

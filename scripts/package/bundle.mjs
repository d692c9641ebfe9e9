// tsvde with a Node of its own, as the archive and the Debian package contain it: the npm packages, installed, beside
// bin/node. Each launcher names that Node in place of the one on the PATH.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { placeCode } from './code.mjs';
import { nodeVersion, placeNode } from './node-build.mjs';
import { PLATFORM_PACKAGE, placePackage, placePlatformPackage } from './npm.mjs';
import { copy, published, write } from './tree.mjs';

/** The programs whose words a shell can complete. */
const PROGRAMS = ['tsvde', 'tsvdectl', 'tsvdeq'];
/** The shell's command by which a launcher that may be a symbolic link finds itself. */
const FIND_SELF = 'self=$(readlink -f "$0")';
const RULE = `\n${'='.repeat(78)}\n\n`;

/**
 * Writes the tree of tsvde and its Node. Given the path of that Node relative to a launcher, `nodeWord` returns its
 * absolute path or, if that is unknown, the shell's word for it in the launcher. In that word, $self is the path of the
 * launcher, which the shell command `findSelf` sets.
 */
export function placeBundle(tree, nodeWord, findSelf = FIND_SELF) {
  placePackage(tree);
  placePlatformPackage(join(tree, 'node_modules', PLATFORM_PACKAGE));
  for (const path of dependencyPaths()) copy(join(root, path), join(tree, path));
  useNode(join(tree, 'bin'), nodeWord('node'), findSelf);
  useNode(join(tree, 'bin/compat'), nodeWord('../node'), FIND_SELF);
  placeNode(join(tree, 'bin/node'), join(tree, 'LICENSE.node'));
  placeCode(tree);
}

/**
 * Rewrites the launchers of a directory. Where Node's path is known, the first line of a launcher in JavaScript names it.
 * Otherwise the launcher becomes a file that both the shell and Node can read: its second line makes the shell run Node,
 * while for Node that line is a string and a comment. A launcher beside launch.js gets the text of launch.js in place of
 * its require(), so that Node loads one file less.
 */
function useNode(directory, word, findSelf) {
  // Each process that a launcher starts takes several percent of a start, and each file that Node loads takes one percent.
  // $self itself is not a symbolic link, so Node need not examine each directory of its path.
  const first = word.includes('${self')
    ? `#!/bin/sh\n':' //; ${findSelf}; exec ${word} --preserve-symlinks-main "$self" "$@"\n`
    : `#!${word}\n`;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (!statSync(path).isFile()) continue;
    const text = readFileSync(path, 'utf8');
    const own = text
      .replace(FIND_SELF, () => findSelf)
      .replace('#!/usr/bin/env node\n', () => first)
      .replace(/\bexec node /, () => `exec ${word} `)
      .replace(`require('./launch.js')`, () => `;${inPlace(readFileSync(join(directory, 'launch.js'), 'utf8'))}`);
    write(path, own, statSync(path).mode & 0o777);
  }
}

/** Returns an expression for what a CommonJS module exports, given the module's text. */
const inPlace = (text) => `((exports) => {\n${text}return exports;\n})({})`;

/** Returns the directories in node_modules/ of what tsvde needs at run time. */
function dependencyPaths() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.keys(packages).filter((path) => path !== '' && !packages[path].dev && existsSync(join(root, path)));
}

/** Returns the licences of tsvde and of everything that a bundle contains. */
export function licences(tree) {
  const parts = [
    [`tsvde ${published.version}`, readFileSync(join(root, 'LICENSE'), 'utf8')],
    ...dependencyPaths().map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
      return [`${name} ${version} (${license})`, readFileSync(licenceIn(join(root, path)), 'utf8')];
    }),
    ...bundled(tree),
    [
      'libstdc++, linked into the binaries',
      'Copyright (C) Free Software Foundation, Inc. GNU General Public License, version 3 or later, with the GCC Runtime\n' +
        'Library Exception, version 3.1, which permits linking it into programs under other licences. On Debian the text of\n' +
        'the licence is in /usr/share/common-licenses/GPL-3.\n',
    ],
    [
      `Node ${nodeVersion}, bin/node, and the libraries that it contains`,
      readFileSync(join(tree, 'LICENSE.node'), 'utf8'),
    ],
  ];
  return parts.map(([what, text]) => `${what}\n\n${text.trimEnd()}\n`).join(RULE);
}

/** Returns the licences of the packages that are bundled in dist/bin, if the build has written them. */
function bundled(tree) {
  const path = join(tree, 'dist/bin/LICENCES');
  return existsSync(path) ? [['Packages contained in dist/bin', readFileSync(path, 'utf8')]] : [];
}

function licenceIn(directory) {
  const name = readdirSync(directory).find((name) => /^licen[cs]e(\.|$)/i.test(name));
  if (name === undefined) throw new Error(`${directory} has no licence file`);
  return join(directory, name);
}

/**
 * Returns the shells' completions as pairs of a text and its path below share/. `zsh` is the directory of zsh's
 * functions. bash and fish look for a file by the command's name; zsh reads the names in the file.
 */
export function completions({ zsh }) {
  const script = (shell) =>
    execFileSync(process.execPath, [join(root, 'bin/tsvde'), 'completion', shell], { encoding: 'utf8' });
  const [bash, fish] = [script('bash'), script('fish')];
  return [
    ...PROGRAMS.flatMap((name) => [
      [bash, `bash-completion/completions/${name}`],
      [fish, `fish/vendor_completions.d/${name}.fish`],
    ]),
    [script('zsh'), `${zsh}/_tsvde`],
  ];
}

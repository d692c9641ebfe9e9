// V8's compiled code for the programs of a bundle, which has a Node of its own. With it a start takes a fifth less CPU
// time. A program's code is complete for the functions that have run, so each program runs once, with a typical
// command.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { output } from './tree.mjs';

/**
 * Runs in an empty directory. With a fixed seed of its random numbers, V8 makes the same code each time, except for loops that
 * run often: so the NIC has an address, and none is hashed.
 */
const COMMANDS = `
compile() { "$TREE/bin/node" --random-seed=1 "$COMPILE" "$TREE" "$@"; }
: > rc
switch="--nostdin --quiet --rcfile rc --sock ctl --mgmt mgmt --pidfile pid"
READY=ready compile tsvde $switch
"$TREE/bin/node" "$TREE/bin/tsvde" --daemon $switch
trap 'kill $(cat pid); while [ -e pid ]; do sleep 0.1; done' EXIT
compile tsvdectl --mgmt mgmt port/print > output
compile tsvdeq --print -vdesock ctl true -net nic,macaddr=52:54:00:12:34:56 -net vde 2> output
`;

/** Writes FILE.code beside the files of dist/bin/ that the programs load. */
export function placeCode(tree) {
  const directory = mkdtempSync(join(tmpdir(), 'tsvde-code-'));
  const { PATH } = process.env;
  const env = { PATH, HOME: directory, TREE: tree, COMPILE: join(root, 'scripts/package/compile.cjs') };
  try {
    output('sh', ['-euc', COMMANDS], { cwd: directory, env });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

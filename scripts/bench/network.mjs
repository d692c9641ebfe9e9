// Makes hosts on a switch. Each host is a network namespace with one interface, which is a TAP of the switch or a VDE
// client. The machine's own network is not touched.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { native } from './native.mjs';
import { until } from './scope.mjs';

let count = 0;

/**
 * Returns a command that runs in the namespace. `ip netns exec` becomes the command, so that its process ID stays the
 * same.
 */
export function within(space, command) {
  return space === undefined ? command : ['ip', 'netns', 'exec', space, ...command];
}

async function namespace(scope) {
  const name = `tsvde-b-${process.pid}-${count++}`;
  // Deferred before the namespace is made, so that a half-made namespace is removed too.
  scope.defer(() => spawnSync('ip', ['netns', 'del', name]));
  await scope.run(['ip', 'netns', 'add', name]);
  await scope.run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  return name;
}

/**
 * Makes a host for each of `kinds` ('tap' or 'vde') on a fresh switch of the peer. Each host has `address`,
 * `run(command)` and `start(command)`.
 */
export async function hosts(scope, peer, kinds, setting = {}) {
  const space = await namespace(scope);
  const taps = kinds.flatMap((kind, i) => (kind === 'tap' ? [`tap${i}`] : []));
  const directory = join(scope.directory(), 'ctl');
  const started = await peer.start(scope, { ...setting, space, taps, directory });
  const ends = [];
  for (const [i, kind] of kinds.entries()) {
    const own = await namespace(scope);
    const name = `tap${i}`;
    const ip = (...args) => scope.run(within(own, ['ip', ...args]));
    if (kind === 'tap') {
      await until(`${peer.name}'s interface`, () => exists(scope, space, name));
      await scope.run(['ip', '-n', space, 'link', 'set', name, 'netns', own]);
    } else {
      scope.start(within(own, [native('plug'), directory, name]));
      await until(`plug's interface`, () => exists(scope, own, name));
    }
    const address = `10.99.0.${i + 1}`;
    await ip('addr', 'add', `${address}/24`, 'dev', name);
    await ip('link', 'set', name, 'up');
    ends.push({
      address,
      run: (command, options) => scope.run(within(own, command), options),
      start: (command) => scope.start(within(own, command)),
    });
  }
  return { pids: started.pids, ends };
}

function exists(scope, space, name) {
  return scope.run(['ip', '-n', space, 'link', 'show', name]).then(
    () => true,
    () => false,
  );
}

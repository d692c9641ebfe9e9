// Measures how long each program takes to do its work once, and the memory of an idle switch, beside a Node that does
// nothing. Each sample is the median of several runs. With --archive, both are those of an unpacked archive.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../set-up.mjs';
import { residentMemory } from '../process.mjs';
import { until } from '../scope.mjs';

const RUNS = 5;
const MS = { key: 'ms', title: 'ms', digits: 0, spread: true, ratio: true };
const MEMORY = { key: 'memory', title: 'memory MiB', digits: 1, ratio: true };

/**
 * The environment without variables such as NODE_EXTRA_CA_CERTS, with which each Node reads 200 certificates at start.
 */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));

/** Returns the programs of an unpacked archive and its Node or, without an archive, those of the checkout. */
const programs = ({ archive }) => ({
  bin: (name) => join(archive ?? root, 'bin', name),
  node: archive === undefined ? 'node' : join(archive, 'lib/tsvde/bin/node'),
});

/** Returns the milliseconds until the program ends or, with `ready`, writes a newline to descriptor 3. */
function timed(command, args, { ready = false } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'ignore', ready ? 'pipe' : 'ignore'] });
    let ms;
    child.stdio[3]?.once('data', () => {
      ms = performance.now() - began;
      child.kill();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(ms ?? performance.now() - began);
      else reject(new Error(`'${[command, ...args].join(' ')}' ended with ${code}`));
    });
  });
}

async function median(run) {
  const all = [];
  for (let i = 0; i < RUNS; i++) all.push(await run());
  return all.sort((a, b) => a - b)[Math.floor(RUNS / 2)];
}

const end = (file) => {
  const pid = Number(readFileSync(file, 'utf8'));
  process.kill(pid);
  return pid;
};

const gone = (pid) => until(`the end of process ${pid}`, () => !isThere(pid));

function isThere(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts a daemon and returns how long that took. */
async function startDaemon({ bin }, directory, name = 'd') {
  const words = [
    '-s',
    join(directory, name),
    '-M',
    join(directory, `${name}.mgmt`),
    '-p',
    join(directory, `${name}.pid`),
  ];
  return await timed(bin('tsvde'), ['-d', ...words]);
}

/** Starts a switch that lasts as long as the scope. */
async function startSwitch(from, scope) {
  const directory = scope.directory();
  await startDaemon(from, directory);
  scope.defer(() => gone(end(join(directory, 'd.pid'))));
  return directory;
}

const TIMES = {
  'start-node': ({ node }) => median(() => timed(node, ['-e', '0'])),
  'start-tsvdectl': async (from, scope) => {
    const directory = await startSwitch(from, scope);
    return median(() => timed(from.bin('tsvdectl'), ['-M', join(directory, 'd.mgmt'), 'port/print']));
  },
  'start-tsvde': async ({ bin }, scope) => {
    const directory = scope.directory();
    const words = ['--nostdin', '-q', '-s', join(directory, 'ctl'), '--ready-fd', '3'];
    return median(() => timed(bin('tsvde'), words, { ready: true }));
  },
  'start-daemon': async (from, scope) => {
    const directory = scope.directory();
    return median(async () => {
      const ms = await startDaemon(from, directory);
      await gone(end(join(directory, 'd.pid')));
      return ms;
    });
  },
  // A script stands for QEMU, whose own `-netdev help` takes several times as long as everything else here.
  'start-tsvdeq': async (from, scope) => {
    const directory = await startSwitch(from, scope);
    const qemu = join(directory, 'qemu-system-x86_64');
    writeFileSync(qemu, '#!/bin/sh\n[ "$1" = -netdev ] && echo dgram\nexit 0\n', { mode: 0o755 });
    return median(() => timed(from.bin('tsvdeq'), ['-vdesock', join(directory, 'd'), qemu, '-net', 'nic']));
  },
};

/** Returns the resident memory of a process after it has had a second to settle. */
async function settledMemory(pid) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { memory: residentMemory([pid]) };
}

export const groups = [
  {
    title: 'start-up, beside a Node that does nothing',
    columns: [MS],
    rows: Object.entries(TIMES).map(([name, measure]) => ({
      name,
      carries: 'vde',
      oursOnly: true,
      beside: 'start-node',
      measure: async (scope, _, options) => ({ ms: await measure(programs(options), scope) }),
    })),
  },
  {
    title: 'memory at rest, beside a Node that does nothing',
    columns: [MEMORY],
    rows: [
      {
        name: 'memory-node',
        carries: 'vde',
        oursOnly: true,
        measure: (scope, _, options) => {
          const { node } = programs(options);
          return settledMemory(scope.start([node, '-e', 'setInterval(() => {}, 1e6)'], { env }).pid);
        },
      },
      {
        name: 'memory-tsvde',
        carries: 'vde',
        oursOnly: true,
        beside: 'memory-node',
        measure: async (scope, _, options) => {
          const directory = await startSwitch(programs(options), scope);
          return settledMemory(Number(readFileSync(join(directory, 'd.pid'), 'utf8')));
        },
      },
    ],
  },
];

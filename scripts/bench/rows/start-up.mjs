// Measures how long each program takes to do its work once, and the memory of an idle switch, beside a Node that does
// nothing. Each sample is the median of several runs.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../set-up.mjs';
import { residentMemory } from '../process.mjs';
import { until } from '../scope.mjs';

const RUNS = 5;
const MS = { key: 'ms', title: 'ms', digits: 0, spread: true, ratio: true };
const MEMORY = { key: 'memory', title: 'memory MiB', digits: 1, ratio: true };

const bin = (name) => join(root, 'bin', name);

/** Returns the milliseconds until the program ends or, with `ready`, writes a newline to descriptor 3. */
function timed(command, args, { ready = false } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore', ready ? 'pipe' : 'ignore'] });
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
async function startDaemon(directory, name = 'd') {
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
async function startSwitch(scope) {
  const directory = scope.directory();
  await startDaemon(directory);
  scope.defer(() => gone(end(join(directory, 'd.pid'))));
  return directory;
}

const TIMES = {
  'start-node': () => median(() => timed('node', ['-e', '0'])),
  'start-tsvdectl': async (scope) => {
    const directory = await startSwitch(scope);
    return median(() => timed(bin('tsvdectl'), ['-M', join(directory, 'd.mgmt'), 'port/print']));
  },
  'start-tsvde': async (scope) => {
    const directory = scope.directory();
    const words = ['--nostdin', '-q', '-s', join(directory, 'ctl'), '--ready-fd', '3'];
    return median(() => timed(bin('tsvde'), words, { ready: true }));
  },
  'start-daemon': async (scope) => {
    const directory = scope.directory();
    return median(async () => {
      const ms = await startDaemon(directory);
      await gone(end(join(directory, 'd.pid')));
      return ms;
    });
  },
  // A script stands for QEMU, whose own `-netdev help` takes several times as long as everything else here.
  'start-tsvdeq': async (scope) => {
    const directory = await startSwitch(scope);
    const qemu = join(directory, 'qemu-system-x86_64');
    writeFileSync(qemu, '#!/bin/sh\n[ "$1" = -netdev ] && echo dgram\nexit 0\n', { mode: 0o755 });
    return median(() => timed(bin('tsvdeq'), ['-vdesock', join(directory, 'd'), qemu, '-net', 'nic']));
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
      measure: async (scope) => ({ ms: await measure(scope) }),
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
        measure: (scope) => settledMemory(scope.start(['node', '-e', 'setInterval(() => {}, 1e6)']).pid),
      },
      {
        name: 'memory-tsvde',
        carries: 'vde',
        oursOnly: true,
        beside: 'memory-node',
        measure: async (scope) => {
          const directory = await startSwitch(scope);
          return settledMemory(Number(readFileSync(join(directory, 'd.pid'), 'utf8')));
        },
      },
    ],
  },
];

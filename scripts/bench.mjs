// npm run bench [-- NAME] [--rounds N] [--seconds S] [--json FILE]: tsvde beside vde_switch and beside a bare relay, in
// the same run and in turns, so that what the machine does meanwhile meets them all. Prints medians and ratios; asserts nothing.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { arch, cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execute, hasProgram, root, setUp } from './set-up.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '0.6' },
    json: { type: 'string' },
  },
});
const work = mkdtempSync('/tmp/tsvde-bench-');
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

const PEERS = [
  { name: 'tsvde', command: (dir) => [process.execPath, join(root, 'bin/tsvde'), '--sock', dir, '--nostdin'] },
  { name: 'vde_switch', command: (dir) => ['vde_switch', '-s', dir], needs: 'vde_switch' },
  { name: 'relay', command: (dir) => [join(work, 'relay'), dir] },
];
const ROWS = [
  { name: 'unicast-60-w64', size: 60, window: 64, receivers: 1 },
  { name: 'unicast-1514-w64', size: 1514, window: 64, receivers: 1 },
  { name: 'unicast-60-w1', size: 60, window: 1, receivers: 1 },
  { name: 'unicast-1514-w1', size: 1514, window: 1, receivers: 1 },
  { name: 'flood4-60-w64', size: 60, window: 64, receivers: 4 },
  { name: 'flood4-1514-w64', size: 1514, window: 64, receivers: 4 },
];

setUp();
for (const name of ['load', 'relay']) {
  execute('g++', [
    '-std=c++20',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    `native/bench/${name}.cc`,
    '-o',
    join(work, name),
  ]);
}
const peers = PEERS.filter(({ needs }) => needs === undefined || hasProgram(needs));
if (peers.length < PEERS.length) console.log('vde_switch is not installed: tsvde is shown without it');
const rows = ROWS.filter(({ name }) => positionals.length === 0 || positionals.some((wanted) => name.includes(wanted)));

const results = [];
for (const row of rows) {
  const samples = Object.fromEntries(peers.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const peer of peers) samples[peer.name].push(await measure(peer, row));
  }
  results.push({ ...row, samples });
}
report();

async function measure(peer, { size, window, receivers }) {
  const directory = mkdtempSync(join(work, 'd-'));
  const dir = join(directory, 'ctl');
  const [command, ...args] = peer.command(dir);
  // stdin is held open: vde_switch exits at its end.
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    while (!(await accepts(join(dir, 'ctl')))) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = cpuNanoseconds(child.pid);
    const { stdout, stderr, status } = spawnSync(
      join(work, 'load'),
      [dir, size, window, receivers, options.seconds].map(String),
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`load failed: ${stderr}`);
    const cpu = cpuNanoseconds(child.pid) - before;
    const { delivered, lost, seconds, p50, p99 } = JSON.parse(stdout);
    return { goodput: delivered / seconds, cpu: cpu / delivered, p50, p99, lost };
  } finally {
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Of all threads, in nanoseconds: what the scheduler counts, where ticks of 10 ms would be too coarse. */
function cpuNanoseconds(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, one) => sum + one, 0);
}

function accepts(path) {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The median of what each round's pair says. */
function ratio({ samples }, key, other) {
  if (samples[other] === undefined) return undefined;
  return median(samples.tsvde.map((sample, i) => sample[key] / samples[other][i][key]));
}

function report() {
  console.log(
    `${cpus()[0].model}, ${cpus().length} cores, Linux ${release()} ${arch()}, Node ${process.version}; ${options.rounds} rounds of ${options.seconds} s, in turns`,
  );
  console.log('CPU is what the switch uses per delivered frame; ratios are tsvde to the other, medians of pairs.\n');
  const columns = [
    'row',
    'peer',
    'kframes/s',
    '(min to max)',
    'CPU us',
    'p50 us',
    'p99 us',
    'lost',
    'goodput ratio',
    'CPU ratio',
    'p50 ratio',
  ];
  const table = [columns];
  for (const result of results) {
    for (const [peer, samples] of Object.entries(result.samples)) {
      const of = (key) => samples.map((sample) => sample[key]);
      const compared = (key) => (peer === 'tsvde' ? '' : (ratio(result, key, peer)?.toFixed(2) ?? ''));
      const latency = (key) => (result.window === 1 ? median(of(key)).toFixed(1) : '');
      const rates = of('goodput').map((rate) => rate / 1000);
      table.push([
        ...[
          result.name,
          peer,
          median(rates).toFixed(0),
          `(${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)})`,
        ],
        ...[
          (median(of('cpu')) / 1000).toFixed(2),
          latency('p50'),
          latency('p99'),
          String(of('lost').reduce((sum, lost) => sum + lost, 0)),
        ],
        ...[compared('goodput'), compared('cpu'), result.window === 1 ? compared('p50') : ''],
      ]);
    }
  }
  const widths = columns.map((_, i) => Math.max(...table.map((line) => line[i].length)));
  for (const line of table)
    console.log(line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
  if (options.json)
    writeFileSync(
      options.json,
      JSON.stringify({ machine: cpus()[0].model, kernel: release(), node: process.version, results }, null, 2),
    );
}

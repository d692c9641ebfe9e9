// npm run bench [-- NAME… --rounds N --seconds S --json FILE --against DIR --peer NAME --archive DIR]: compares tsvde
// with every installed switch, in the same run and in turns, so that other load on the machine affects all of them.
// NAME selects the rows whose names contain it. Prints medians and ratios; asserts nothing.
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative } from './bench/native.mjs';
import { installedPeers, PEERS } from './bench/peers.mjs';
import { machine, table } from './bench/report.mjs';
import { canMeasure, lacking, matchingGroups } from './bench/rows.mjs';
import { Scope } from './bench/scope.mjs';
import { BENCH_PACKAGES, installPackages } from './packages.mjs';
import { Progress } from './progress.mjs';
import { setUp } from './set-up.mjs';

const USAGE =
  'usage: npm run bench [-- NAME… --rounds N --seconds S --json FILE --against DIR (built) --peer NAME… --archive DIR (unpacked)]';

function refuse(sentence) {
  console.error(`${sentence}\n${USAGE}`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        /** The default is 7, or fewer for rows that take long. */
        rounds: { type: 'string' },
        seconds: { type: 'string', default: '0.6' },
        json: { type: 'string' },
        /** The directory of another built checkout of tsvde, which is measured as a peer. */
        against: { type: 'string' },
        /** Measures only these peers besides tsvde; may be repeated. */
        peer: { type: 'string', multiple: true },
        /** An unpacked archive: the rows start- and memory- measure its programs, and its Node beside them. */
        archive: { type: 'string' },
      },
    });
  } catch (error) {
    return refuse(error.message);
  }
}

const { values: options, positionals } = parse();
const DEFAULT_ROUNDS = 7;
const rounds = Number(options.rounds ?? DEFAULT_ROUNDS);
const seconds = Number(options.seconds);
if (!(Number.isInteger(rounds) && rounds > 0))
  refuse(`--rounds must be a whole number of at least 1, not '${options.rounds}'`);
if (!(seconds > 0 && seconds < 3600))
  refuse(`--seconds must be more than 0 and less than 3600, not '${options.seconds}'`);
if (options.against !== undefined && !existsSync(`${options.against}/dist`))
  refuse(`--against ${options.against}: there is no built checkout of tsvde`);
if (options.archive !== undefined && !existsSync(`${options.archive}/lib/tsvde/bin/node`))
  refuse(`--archive ${options.archive}: there is no unpacked archive of tsvde`);
const archive = options.archive === undefined ? undefined : resolve(options.archive);
const groups = matchingGroups(positionals);
if (groups.length === 0) refuse(`no row's name contains '${positionals.join("' or '")}'`);

installPackages(BENCH_PACKAGES, 'rows');
await setUp();
const all = installedPeers(options.against);
const peers = all.filter(({ name }, i) => i === 0 || !options.peer || options.peer.some((part) => name.includes(part)));
const absent = PEERS.filter(({ name }) => !all.some((peer) => peer.name === name)).map(({ name }) => name);
console.log(`${machine()}; ${rounds} rounds of ${seconds} s, in turns.`);
if (absent.length > 0) console.log(`Not shown, since not installed: ${absent.join(', ')}.`);

const results = await Scope.with(async (scope) => {
  console.error("--- compiling the benchmark's own programs");
  buildNative(scope);
  const measured = [];
  for (const group of groups) measured.push(...(await measureGroup(group)));
  return measured;
});
if (options.json)
  writeFileSync(options.json, JSON.stringify({ machine: machine(), rounds, seconds, results }, null, 2));

async function measureGroup(group) {
  const rows = group.rows.filter((row) => {
    const lacks = lacking(row);
    if (lacks.length > 0) console.log(`\n${row.name} is skipped: it needs ${lacks.join(' and ')}.`);
    return lacks.length === 0;
  });
  const measured = rows.map((row) => ({
    name: row.name,
    beside: row.beside,
    samples: Object.fromEntries(peers.filter((peer) => canMeasure(row, peer)).map(({ name }) => [name, []])),
  }));
  const roundsOf = (row) => (options.rounds === undefined ? Math.min(row.rounds ?? rounds, rounds) : rounds);
  const total = rows.reduce((sum, row, i) => sum + roundsOf(row) * Object.keys(measured[i].samples).length, 0);
  const progress = await Progress.start(`${groups.indexOf(group) + 1} of ${groups.length}: ${group.title}`, total);
  for (let round = 0; round < rounds; round++) {
    for (const [i, row] of rows.entries()) {
      if (round >= roundsOf(row)) continue;
      for (const peer of inTurn(round).filter((peer) => canMeasure(row, peer))) {
        await measureOnce(row, peer, measured[i].samples[peer.name]);
        progress.advance(`${row.name}, ${peer.name}`);
      }
    }
  }
  progress.end();
  console.log(`\n### ${group.title}\n\n${table({ ...group, rows }, measured)}`);
  return measured;
}

/** Returns the peers in an order that changes with each round, so that no peer is always measured first or last. */
function inTurn(round) {
  const first = round % peers.length;
  return [...peers.slice(first), ...peers.slice(0, first)];
}

async function measureOnce(row, peer, samples) {
  if (samples.failed) return;
  try {
    samples.push(await Scope.with((scope) => row.measure(scope, peer, { seconds, archive })));
  } catch (error) {
    if (error.message === 'interrupted') return new Promise(() => {}); // the process is about to exit
    samples.failed = true; // so that the peer is not tried in further rounds
    console.error(`${row.name}: ${peer.name}: ${error.message}`);
  }
}

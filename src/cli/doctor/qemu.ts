// Checks for QEMU: which programs are installed, and which network backends for a switch each program has.
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { SYSTEM_EMULATOR } from '../../qemu/programs.ts';
import { isExecutable } from '../../system/executable.ts';
import { type Found, lacking, ok } from './finding.ts';
import { namesIn } from './names-in.ts';

const BACKENDS = ['vde', 'stream', 'dgram', 'vhost-user'] as const;
const TIMEOUT_MS = 5000;

/** A sentence for each backend that says what to do without it. */
const WITHOUT: Readonly<Record<(typeof BACKENDS)[number], string>> = {
  vde: 'QEMU was built without libvdeplug: run it through tsvdeq, which needs no such build, or use --port stream',
  stream: 'use QEMU 7.2 or newer, or --port socket',
  dgram: 'use QEMU 7.2 or newer; tsvdeq uses -netdev socket with older ones',
  'vhost-user': 'use a QEMU that was built with --enable-vhost-user',
};

/** Checks each QEMU on the PATH. */
export function checkQemu(path = process.env.PATH ?? ''): Found[] {
  const programs = findPrograms(path);
  if (programs.length === 0)
    return [lacking('no QEMU is on the PATH', 'install qemu-system-x86 (Debian, Ubuntu) or qemu-kvm (Fedora)')];
  return programs.map(checkProgram);
}

/** Returns the paths of the programs, the first of each name. */
function findPrograms(path: string): string[] {
  const found = new Map<string, string>();
  for (const place of path.split(delimiter).filter((place) => place !== ''))
    for (const name of namesIn(place).filter((name) => SYSTEM_EMULATOR.test(name)))
      if (!found.has(name) && isExecutable(join(place, name))) found.set(name, join(place, name));
  return [...found.values()].sort();
}

function checkProgram(program: string): Found {
  const [, version] = /version (\S+)/.exec(ask(program, '-version')) ?? [];
  const listed = new Set(ask(program, '-netdev', 'help').split('\n'));
  if (version === undefined || listed.size < 2)
    return lacking(`${program} does not answer -version and -netdev help`, 'try both by hand');
  const has = BACKENDS.filter((backend) => listed.has(backend));
  const lacks = BACKENDS.filter((backend) => !listed.has(backend));
  const text = `${program} ${version} has ${has.length > 0 ? has.join(', ') : 'none of its network backends for a switch'}`;
  if (lacks.length === 0) return ok(text);
  return lacking(
    `${text}; it lacks ${lacks.join(', ')}`,
    lacks.map((backend) => `${backend}: ${WITHOUT[backend]}`).join('; '),
  );
}

function ask(program: string, ...args: string[]): string {
  const { stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return stdout ?? '';
}

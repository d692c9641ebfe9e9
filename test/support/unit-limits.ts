// The limits that a systemd unit sets, made by bwrap and setpriv: a mount namespace, a seccomp program, capabilities.
import { existsSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { type ArgumentRule, callsOf, seccompProgram } from './seccomp.ts';
import type { Setting } from './units.ts';

export const LIMITS_NEEDS = ['root', 'bwrap', 'setpriv', 'unshare', 'cc', 'systemd-analyze'] as const;

const { EAFNOSUPPORT, ENOSYS, EPERM } = constants.errno;
const FAMILIES: Record<string, number> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10 };
/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const NEW_NAMESPACES = 0x7e020080;
/** SCHED_OTHER, SCHED_BATCH and SCHED_IDLE. */
const NOT_REALTIME = [0, 3, 5];
const PERSONALITY = 0;

interface Limits {
  /** How bwrap mounts the root directory. */
  root: string;
  words: string[];
  /** The bounding set, as setpriv names it. */
  capabilities: string;
  proc: string[];
  umask: string;
  calls: string[];
  denied: string[];
  rules: ArgumentRule[];
}

type Apply = (limits: Limits, value: string) => void;

/** An option that must have this value, since only that one is translated. */
const only =
  (expected: string, apply: Apply): Apply =>
  (limits, value) => {
    if (value !== expected) throw new Error(`'${value}' has no equivalent here: only '${expected}' has`);
    apply(limits, value);
  };
const yes = (apply: Apply) => only('yes', apply);
const emptied = (...paths: string[]): Apply =>
  yes(({ words }) => words.push(...paths.filter((path) => existsSync(path)).flatMap((path) => ['--tmpfs', path])));

/** The functions that set the same limit as an option of a unit. */
export const EQUIVALENTS: Record<string, Apply> = {
  CapabilityBoundingSet: (limits, names) => {
    limits.capabilities = [
      '-all',
      ...names.split(' ').map((name) => `+${name.replace('CAP_', '').toLowerCase()}`),
    ].join(',');
  },
  NoNewPrivileges: yes(() => {}), // bwrap always sets it
  ProtectSystem: only('strict', (limits) => {
    limits.root = '--ro-bind';
  }),
  ProtectHome: emptied('/home', '/root', '/run/user'),
  PrivateTmp: emptied('/tmp', '/var/tmp'),
  PrivateMounts: yes(() => {}), // bwrap always makes a namespace
  PrivateDevices: yes(({ words, denied }) => {
    words.push('--dev', '/dev');
    denied.push('@raw-io');
  }),
  DevicePolicy: only('closed', ({ words }) => words.push('--dev', '/dev')),
  DeviceAllow: ({ words }, value) => {
    const [device] = value.split(' ');
    words.push('--dev-bind', device!, device!);
  },
  ProtectClock: yes(({ denied }) => denied.push('@clock')),
  ProtectControlGroups: yes(({ words }) => words.push('--ro-bind', '/sys/fs/cgroup', '/sys/fs/cgroup')),
  ProtectHostname: yes(({ words, denied }) => {
    words.push('--unshare-uts');
    denied.push('sethostname', 'setdomainname');
  }),
  ProtectKernelLogs: yes(({ denied }) => denied.push('syslog')),
  ProtectKernelModules: (limits, value) => {
    emptied('/usr/lib/modules')(limits, value);
    limits.denied.push('@module');
  },
  ProtectKernelTunables: yes(({ words }) => words.push('--ro-bind', '/sys', '/sys')), // ProcSubset removes /proc/sys
  ProtectProc: ({ proc }, value) => proc.push(`hidepid=${value}`),
  ProcSubset: ({ proc }, value) => proc.push(`subset=${value}`),
  LockPersonality: yes(({ rules }) => rules.push({ call: 'personality', argument: 0, values: [PERSONALITY], errno: EPERM })), // biome-ignore format: a row
  RestrictRealtime: yes(({ rules }) =>
    rules.push({ call: 'sched_setscheduler', argument: 1, values: NOT_REALTIME, errno: EPERM }),
  ),
  RestrictAddressFamilies: ({ rules }, value) => {
    const values = value.split(' ').map((name) => FAMILIES[name]!);
    rules.push({ call: 'socket', argument: 0, values, errno: EAFNOSUPPORT });
  },
  RestrictNamespaces: yes(({ rules }) => {
    for (const call of ['clone', 'unshare'])
      rules.push({ call, argument: 0, mask: NEW_NAMESPACES, values: [0], errno: EPERM });
    rules.push({ call: 'setns', argument: 1, values: [], errno: EPERM });
    rules.push({ call: 'clone3', argument: 0, values: [], errno: ENOSYS }); // its flags are in memory
  }),
  SystemCallArchitectures: only('native', () => {}), // the program ends processes of other architectures
  SystemCallFilter: ({ calls }, value) => calls.push('@default', ...value.split(' ')),
  SystemCallErrorNumber: only('EPERM', () => {}),
  UMask: (limits, value) => {
    limits.umask = value;
  },
};

/** The options that set no limit, and why. */
export const NO_LIMITS: Record<string, string> = {
  Type: 'says how systemd learns that the switch is ready',
  NotifyAccess: 'says from whom systemd accepts that',
  ExecStart: 'is the command line',
  ExecReload: 'is a command of systemd',
  RuntimeDirectory: 'makes a directory that stays writable',
  WatchdogSec: 'says when systemd takes the switch for dead',
  Restart: 'says what systemd does then',
};

/**
 * Returns the words that run a command under the limits of the settings. `writable` stays as it is, and `readable` can
 * be read even where the limits hide it. Files are made in `home`, which is not among them.
 */
export function underLimits(
  settings: readonly Setting[],
  { home, writable, readable }: { home: string; writable: readonly string[]; readable: readonly string[] },
): string[] {
  const limits: Limits = {
    root: '--bind',
    words: [],
    capabilities: '+all',
    proc: [],
    umask: '0022',
    calls: [],
    denied: [],
    rules: [],
  };
  for (const [option, value] of settings) EQUIVALENTS[option]?.(limits, value);
  const { root, words, capabilities, proc, umask, calls, denied, rules } = limits;
  const permitted = callsOf(calls);
  for (const call of callsOf(denied)) permitted.delete(call);
  writeFileSync(`${home}/seccomp`, seccompProgram(permitted, rules, EPERM));
  const kept = [
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...writable.flatMap((path) => ['--bind', path, path]),
  ];
  const bwrap = ['bwrap', root, '/', '/', '--dev-bind', '/dev', '/dev', '--bind', `${home}/proc`, '/proc'];
  const script = `mkdir -p ${home}/proc; mount -t proc -o ${proc.join(',') || 'rw'} proc ${home}/proc; umask ${umask}; exec "$@" 9<${home}/seccomp`;
  const command = [
    ...bwrap,
    ...words,
    ...kept,
    '--seccomp',
    '9',
    '--die-with-parent',
    '--',
    'setpriv',
    `--bounding-set=${capabilities}`,
  ];
  return ['unshare', '--mount', 'sh', '-e', '-c', script, 'sh', ...command];
}

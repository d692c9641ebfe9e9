// Checks of what the kernel permits: TAPs, pings from a user-mode network, and limits.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { describeError } from '../../system/errno.ts';
import { type Found, lacking, ok, wrong } from './finding.ts';

const CAP_NET_ADMIN = 12n;
/** A client has a control connection and a data socket. */
const DESCRIPTORS_PER_CLIENT = 2;
const CLIENTS_MIN = 300;
/** The most frames in a batch that the switch sends. A shorter queue makes senders wait in the middle of a batch. */
const DGRAM_QUEUE_MIN = 32;

export function checkTun(device = '/dev/net/tun'): Found[] {
  try {
    closeSync(openSync(device, 'r+'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const text = `TAPs cannot be used: ${device}: ${describeError(error)}`;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO')
      return [lacking(text, 'modprobe tun; in a container, start it with --device /dev/net/tun')];
    return [lacking(text, `chmod 0666 ${device}, the usual mode; in a container, start it with --device ${device}`)];
  }
  if (!hasCapability(CAP_NET_ADMIN))
    return [
      lacking(
        `${device} can be opened, but this user may not make TAPs (CAP_NET_ADMIN)`,
        'run tsvde as root, or let root make one for this user: ip tuntap add dev NAME mode tap user USER',
      ),
    ];
  return [ok(`${device} can be opened, and this user may make TAPs`)];
}

/** Returns whether this process has a capability, by its number in capabilities(7), from /proc/self/status. */
function hasCapability(number: bigint): boolean {
  const [, capabilities = '0'] = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${capabilities}`) >> number) & 1n) === 1n;
}

/** The group that the stack of a user-mode network gets from a switch that runs as root. */
const STACK_GROUP = 65534;

/**
 * Checks whether guests of a user-mode network may ping: libslirp opens an ICMP socket for each ping, and its process
 * has no capability to open a raw socket.
 */
export function checkPing(file = '/proc/sys/net/ipv4/ping_group_range', uid = process.geteuid!()): Found[] {
  const range = readNumbers(file);
  if (!range) return [lacking(`${file} cannot be read`, 'mount /proc')];
  const [low = 1, high = 0] = range;
  const groups = uid === 0 ? [STACK_GROUP] : [process.getegid!(), ...process.getgroups!()];
  if (groups.some((group) => group >= low && group <= high))
    return [ok(`guests of a user port can ping: ping_group_range is ${low} to ${high}`)];
  return [
    lacking(
      `guests of a user port cannot ping: ping_group_range is ${low} to ${high}, which contains none of its groups`,
      'sysctl -w net.ipv4.ping_group_range="0 2147483647"',
    ),
  ];
}

export function checkLimits(limits = '/proc/self/limits', queue = '/proc/sys/net/unix/max_dgram_qlen'): Found[] {
  const text = readFileSync(limits, 'utf8');
  const files = hardLimit(text, 'Max open files');
  const clients = Math.floor(files / DESCRIPTORS_PER_CLIENT);
  const open =
    clients < CLIENTS_MIN
      ? wrong(
          `${files} files may be open, enough for about ${clients} clients`,
          'ulimit -Hn 65536, or LimitNOFILE=65536 in the unit',
        )
      : ok(`${files} files may be open, enough for about ${clients} clients`);
  const locked = hardLimit(text, 'Max locked memory');
  const memory = ok(
    Number.isFinite(locked)
      ? `${locked / 1024} KiB of memory may be locked: tsvde locks none, QEMU does for -overcommit mem-lock=on and VFIO`
      : 'any amount of memory may be locked',
  );
  const [length] = readNumbers(queue) ?? [];
  if (length === undefined) return [open, memory, lacking(`${queue} cannot be read`, 'mount /proc')];
  return [
    open,
    memory,
    length < DGRAM_QUEUE_MIN
      ? lacking(
          `max_dgram_qlen is ${length}: dgram ports on unix sockets, and clients that do not connect their socket back, take at most ${length + 1} frames at a time`,
          'sysctl -w net.unix.max_dgram_qlen=512, before the switch starts',
        )
      : ok(`max_dgram_qlen is ${length}`),
  ];
}

/** Returns the hard limit in a row of /proc/PID/limits. Node raises its own soft limit of open files to it. */
function hardLimit(text: string, name: string): number {
  const [, hard] = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text) ?? [];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

function readNumbers(file: string): number[] | undefined {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/).map(Number);
  } catch {
    return undefined;
  }
}

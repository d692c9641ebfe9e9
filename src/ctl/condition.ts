// The conditions of tsvdectl wait: their grammar, and the commands of the console that answer them.
import { constants } from 'node:os';
import { parseMac } from '../protocol/mac.ts';
import { ExitError, USAGE } from '../system/exit-error.ts';
import type { AskData, CountersData, MacData, PortData } from './console-data.ts';

/** Asks the console whether the condition holds now. */
export type Condition = (ask: AskData) => Promise<boolean>;

export const CONDITIONS = [
  'port PORT up|down',
  'mac MAC [vlan VLAN] known|unknown',
  'mac MAC [vlan VLAN] on PORT',
  'counter PORT NAME >|>=|=|<=|< N',
] as const;

const COMPARE: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
  '=': (value, limit) => value === limit,
  '<=': (value, limit) => value <= limit,
  '<': (value, limit) => value < limit,
};

const COUNTERS = [
  ...['bytes', 'frames', 'unicast', 'multicast', 'broadcast', 'drop'].flatMap((name) => [
    `receive_${name}`,
    `transmit_${name}`,
  ]),
  ...['receive_pauses', 'transmit_stalls', 'queue_frames', 'queue_bytes'],
];

/** Parses a condition. Throws ExitError with the code 2 for anything else. */
export function parseCondition(words: readonly string[]): Condition {
  const [what, ...rest] = words.flatMap((word) => word.trim().split(/\s+/)).filter((word) => word !== '');
  const parsed =
    what === 'port'
      ? parsePort(rest)
      : what === 'mac'
        ? parseAddress(rest)
        : what === 'counter'
          ? parseCounter(rest)
          : undefined;
  return parsed ?? refuse(`'${words.join(' ')}' is not a condition: it is one of\n  ${CONDITIONS.join('\n  ')}`);
}

function parsePort([port, state, ...more]: string[]): Condition | undefined {
  if (port === undefined || more.length > 0 || (state !== 'up' && state !== 'down')) return undefined;
  return async (ask) => {
    const found = (await ask<PortData[]>('port/allprint')).find(isPort(port));
    return (found?.active ?? false) === (state === 'up');
  };
}

function parseAddress([text = '', ...rest]: string[]): Condition | undefined {
  const vlan = rest[0] === 'vlan' ? rest.splice(0, 2)[1] : '0';
  const [state, port, ...more] = rest;
  const isState = state === 'known' || state === 'unknown';
  if (
    !/^\d+$/.test(vlan ?? '') ||
    more.length > 0 ||
    (isState ? port !== undefined : state !== 'on' || port === undefined)
  )
    return undefined;
  let mac: string;
  try {
    mac = parseMac(text);
  } catch {
    refuse(`'${text}' is not a MAC address`);
  }
  return async (ask) => {
    const found = await ask<MacData>(`hash/find ${mac} ${vlan}`).catch((error) => {
      if ((error as ExitError).exitCode === constants.errno.ENODEV) return undefined;
      throw error;
    });
    if (isState) return (found !== undefined) === (state === 'known');
    if (!found) return false;
    const ports = await ask<PortData[]>('port/allprint');
    return ports.some((one) => isPort(port!)(one) && one.port === found.port);
  };
}

function parseCounter([port, name = '', compare = '', limit = '', ...more]: string[]): Condition | undefined {
  const holds = Object.hasOwn(COMPARE, compare) ? COMPARE[compare] : undefined;
  if (port === undefined || !holds || !/^\d+$/.test(limit) || more.length > 0) return undefined;
  if (!COUNTERS.includes(name) && !/^(receive|transmit)_drop_[a-z_]+$/.test(name))
    refuse(
      `'${name}' is not a counter: it is one of ${COUNTERS.join(', ')}, receive_drop_REASON, transmit_drop_REASON`,
    );
  return async (ask) => {
    const found = (await ask<PortData[]>('port/allprint')).find(isPort(port));
    const number = found?.port ?? (/^\d+$/.test(port) ? Number(port) : undefined);
    const counters = (await ask<CountersData[]>('counters')).find((row) => row.port === number);
    return counters !== undefined && holds(counterOf(counters, name), Number(limit));
  };
}

function counterOf(row: CountersData, name: string): number {
  const [, direction, rest = ''] = /^(receive|transmit|queue)_(.*)$/.exec(name) as unknown as [
    string,
    'receive' | 'transmit',
    string,
  ];
  if (rest === 'frames' && name !== 'queue_frames')
    return row[`${direction}Unicast`] + row[`${direction}Multicast`] + row[`${direction}Broadcast`];
  if (rest === 'drop') return Object.values(row[`${direction}Drops`]).reduce((sum, count) => sum + count, 0);
  if (rest.startsWith('drop_')) {
    const drops = row[`${direction}Drops`];
    const reason = rest.slice('drop_'.length);
    return drops[reason] ?? refuse(`'${name}' is not a counter: the reasons are ${Object.keys(drops).join(', ')}`);
  }
  const member = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof CountersData;
  return row[member] as number;
}

/** Returns whether a port has this number or name. */
function isPort(word: string): (port: PortData) => boolean {
  return ({ port, name }) => name === word || (/^\d+$/.test(word) && port === Number(word));
}

function refuse(sentence: string): never {
  throw new ExitError(USAGE, `wait: ${sentence}`);
}

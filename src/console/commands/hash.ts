// The hash table menu; "hash table" is VDE's name for the MAC table. Buckets exist only in the output, not in the
// engine.

import { SwitchError } from '../../protocol/errors.ts';
import { parseMac } from '../../protocol/mac.ts';
import type { MacEntry } from '../../switch/mac-table.ts';
import { type Menu, printing, showing } from '../command.ts';
import { pad } from '../format.ts';
import { parseNumber, parsePort, parseWords } from '../parse.ts';

export const hashMenu: Menu = {
  name: 'hash',
  title: 'HASH TABLE MENU',
  commands: [
    showing({
      path: 'hash/showinfo',
      syntax: '',
      help: 'show the size and the time settings of the MAC table',
      level: 'look',
      show: (_, { switch: { macs } }) => ({ hashSize: macs.hashSize, ...macs.times }),
      format: ({ hashSize, gcIntervalSeconds, expireSeconds, minPersistenceSeconds }) => [
        `Hash size ${hashSize}`,
        `GC interval ${gcIntervalSeconds} secs`,
        `GC expire ${expireSeconds} secs`,
        `Min persistence ${minPersistenceSeconds} secs`,
      ],
    }),
    {
      path: 'hash/setsize',
      syntax: 'N',
      help: 'set the number of buckets that the table is sorted into, and forget all addresses',
      level: 'change',
      run(argument, { switch: sw }) {
        sw.macs.hashSize = parseNumber(argument);
      },
    },
    {
      path: 'hash/setgcint',
      syntax: 'N',
      help: 'look for expired addresses every N seconds; 0: never',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ gcIntervalSeconds: parseNumber(argument) });
      },
    },
    {
      path: 'hash/setexpire',
      syntax: 'N',
      help: 'age out addresses that were silent for N seconds',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ expireSeconds: parseNumber(argument) });
      },
    },
    {
      path: 'hash/setminper',
      syntax: 'N',
      help: 'let an address move to another port at most four times in N seconds; 0: no limit',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ minPersistenceSeconds: parseNumber(argument) });
      },
    },
    printing({
      path: 'hash/print',
      syntax: '',
      help: 'show all learned addresses and their ports',
      level: 'look',
      *print(_, { switch: sw }) {
        const rows = sw.macs.entries().map((entry) => withBucket(entry, sw.macs.hashSize));
        // Within a bucket the newest entry comes first: the table's order is newest first, and the sort is stable.
        yield* rows.sort((a, b) => a.bucket - b.bucket);
      },
      format: describe,
    }),
    showing({
      path: 'hash/find',
      syntax: 'MAC [VLAN]',
      help: 'show the port of an address',
      level: 'look',
      show(argument, { switch: sw }) {
        const [text = '', vlanText = '0', ...rest] = argument.split(/[ \t]+/);
        if (rest.length > 0) throw new SwitchError('EINVAL', 'hash/find takes a MAC address and, optionally, a VLAN');
        const mac = parseMac(text);
        const vlan = parseNumber(vlanText);
        const entry = sw.macs.entries().find((candidate) => candidate.mac === mac && candidate.vlan === vlan);
        if (!entry) throw new SwitchError('ENODEV', `${mac} is not in the MAC table for VLAN ${vlan}`);
        return withBucket(entry, sw.macs.hashSize);
      },
      format: describe,
    }),
    {
      path: 'hash/flush',
      syntax: '[port|vlan N]',
      help: 'forget all addresses, or those of port N, or of VLAN N',
      level: 'change',
      run(argument, { switch: sw }) {
        if (argument === '') return void sw.macs.flush();
        const [kind, text] = parseWords(argument, 2);
        const number = kind === 'port' ? parsePort(text, sw) : parseNumber(text);
        if (kind === 'port') sw.ports.check(number);
        else if (kind === 'vlan') sw.vlans.check(number);
        else throw new SwitchError('EINVAL', `hash/flush takes port N or vlan N, not '${argument}'`);
        sw.macs.flush({ [kind]: number });
      },
    },
  ],
};

interface MacRow extends MacEntry {
  bucket: number;
}

function withBucket(entry: MacEntry, size: number): MacRow {
  return { ...entry, bucket: bucketOf(entry, size) };
}

function describe({ mac, vlan, port, ageSeconds, bucket }: MacRow): string {
  return `Hash: ${pad(bucket)} Addr: ${mac} VLAN ${pad(vlan)} to port: ${pad(port, 3)}  age ${ageSeconds} secs`;
}

/** Returns the bucket in which vde_switch would keep the address, since programs compare these numbers. */
export function bucketOf({ mac, vlan }: { mac: string; vlan: number }, size: number): number {
  const bytes = mac.split(':').reverse().join('');
  let key = (BigInt(vlan) << 48n) | BigInt(`0x${bytes}`);
  const mix = (factor: bigint) => {
    key = BigInt.asUintN(64, (key ^ (key >> 33n)) * factor);
  };
  mix(0xff51afd7ed558ccdn);
  mix(0xc4ceb9fe1a85ec53n);
  return Number(key & BigInt(size - 1));
}

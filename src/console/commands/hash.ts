// The hash table menu: the MAC table, under the name it has in VDE.

import type { MacEntry } from '../../mac-table.ts';
import { SwitchError } from '../../protocol/errors.ts';
import { parseMac } from '../../protocol/mac.ts';
import type { Menu } from '../command.ts';
import { pad } from '../format.ts';
import { parseNumber, parseWords } from '../parse.ts';

export const hashMenu: Menu = {
  name: 'hash',
  title: 'HASH TABLE MENU',
  commands: [
    {
      path: 'hash/showinfo',
      syntax: '',
      help: 'size and times of the MAC table',
      *print(_, { switch: sw }) {
        yield `Hash size ${sw.macs.hashSize}`;
        yield `GC interval ${sw.macs.times.gcIntervalSeconds} secs`;
        yield `GC expire ${sw.macs.times.expireSeconds} secs`;
        yield `Min persistence ${sw.macs.times.minPersistenceSeconds} secs`;
      },
    },
    {
      path: 'hash/setsize',
      syntax: 'N',
      help: 'set the number of buckets shown, forgetting all addresses',
      run(argument, { switch: sw }) {
        sw.macs.hashSize = parseNumber(argument);
      },
    },
    {
      path: 'hash/setgcint',
      syntax: 'N',
      help: 'set the seconds between two searches for old addresses, 0 for never',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ gcIntervalSeconds: parseNumber(argument) });
      },
    },
    {
      path: 'hash/setexpire',
      syntax: 'N',
      help: 'set the seconds of silence after which an address is old',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ expireSeconds: parseNumber(argument) });
      },
    },
    {
      path: 'hash/setminper',
      syntax: 'N',
      help: 'set the seconds of silence before an address may move to another port',
      declares: true,
      run(argument, { switch: sw }) {
        sw.macs.setTimes({ minPersistenceSeconds: parseNumber(argument) });
      },
    },
    {
      path: 'hash/print',
      syntax: '',
      help: 'show every address and its port',
      *print(_, { switch: sw }) {
        const rows = sw.macs.entries().map((entry) => ({ entry, bucket: bucketOf(entry, sw.macs.hashSize) }));
        // Newest first within a bucket: a stable sort keeps the table's order.
        for (const { entry, bucket } of rows.sort((a, b) => a.bucket - b.bucket)) yield describe(entry, bucket);
      },
    },
    {
      path: 'hash/find',
      syntax: 'MAC [VLAN]',
      help: 'show the port of an address',
      *print(argument, { switch: sw }) {
        const [text = '', vlanText = '0', ...rest] = argument.split(/[ \t]+/);
        if (rest.length > 0) throw new SwitchError('EINVAL', 'hash/find takes an address and a VLAN');
        const mac = parseMac(text);
        const vlan = parseNumber(vlanText);
        const entry = sw.macs.entries().find((candidate) => candidate.mac === mac && candidate.vlan === vlan);
        if (!entry) throw new SwitchError('ENODEV', `${mac} is on no port`);
        yield describe(entry, bucketOf(entry, sw.macs.hashSize));
      },
    },
    {
      path: 'hash/flush',
      syntax: '[port|vlan N]',
      help: 'forget all addresses, or those of port N, or of VLAN N',
      run(argument, { switch: sw }) {
        if (argument === '') return void sw.macs.flush();
        const [kind, text] = parseWords(argument, 2);
        const number = parseNumber(text);
        if (kind === 'port') sw.checkPort(number);
        else if (kind === 'vlan') sw.vlans.check(number);
        else throw new SwitchError('EINVAL', `hash/flush takes port N or vlan N, not '${argument}'`);
        sw.macs.flush({ [kind]: number });
      },
    },
  ],
};

function describe(entry: MacEntry, bucket: number): string {
  const where = `VLAN ${pad(entry.vlan)} to port: ${pad(entry.port, 3)}`;
  return `Hash: ${pad(bucket)} Addr: ${entry.mac} ${where}  age ${entry.ageSeconds} secs`;
}

/** The bucket that vde_switch would keep the address in: programs compare these numbers, so they are kept too. */
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

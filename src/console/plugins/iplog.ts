// The commands of the iplog plugin, which logs who used which IP address, on which port and when. IpWatch does the
// work.

import { SwitchError } from '../../protocol/errors.ts';
import { findUser } from '../../system/accounts.ts';
import { type Menu, printing, showing } from '../command.ts';
import { parseNumber, parsePort } from '../parse.ts';
import type { Plugin } from '../plugin.ts';
import { familyOf, formatRange, parseAddress, parseRange } from './ip-address.ts';
import type { Sighting } from './ip-table.ts';
import { IpWatch, NEW_ADDRESS, NOBODY, type SightingInWords } from './ip-watch.ts';

export const iplog: Plugin = {
  name: 'iplog',
  help: 'log IP addresses, with their ports and users',
  load(context) {
    const watch = new IpWatch(context);
    return {
      menu: { name: 'iplog', title: 'IP ADDRESS LOG', commands: [...settings(watch), ...listings(watch)] },
      categories: [{ name: NEW_ADDRESS, tag: 0o301, help: 'an IP address appeared or moved', level: 'see' }],
      unload: () => watch.close(),
      reopen: () => watch.log.reopen(),
    };
  },
};

function settings(watch: IpWatch): Menu['commands'] {
  return [
    showing({
      path: 'iplog/showinfo',
      syntax: '',
      help: 'show the destination of the log, and the times',
      level: 'look',
      show: () => ({
        log: watch.log.state,
        gcIntervalSeconds: watch.gcIntervalSeconds,
        expireSeconds: watch.expireSeconds,
      }),
      format: ({ log, gcIntervalSeconds, expireSeconds }) => [
        'iplog: ip/port/user logging plugin',
        log,
        `GC interval ${gcIntervalSeconds} secs`,
        `GC expire ${expireSeconds} secs`,
      ],
    }),
    {
      path: 'iplog/logfile',
      syntax: 'pathname',
      help: 'log to a file, to the system log (-) or, without an argument, nowhere',
      level: 'full',
      run(argument) {
        watch.log.direct(argument);
      },
    },
    {
      path: 'iplog/ipadd',
      syntax: 'ipaddr/mask',
      help: 'log the addresses of a range, such as 10.0.0.0/8 or fd00::/8',
      level: 'see',
      run(argument) {
        watch.addRange(parseRange(argument));
      },
    },
    {
      path: 'iplog/ipdel',
      syntax: 'ipaddr/mask',
      help: 'stop logging the addresses of a range',
      level: 'see',
      run(argument) {
        watch.removeRange(parseRange(argument));
      },
    },
    printing({
      path: 'iplog/list',
      syntax: '',
      help: 'show the logged ranges',
      level: 'look',
      *print() {
        for (const family of ['ipv4', 'ipv6'])
          for (const range of watch.ranges)
            if (familyOf(range.first) === family) yield { family, range: formatRange(range) };
      },
      format: ({ family, range }) => `  ${family}: ${range}`,
    }),
    {
      path: 'iplog/setgcint',
      syntax: 'N',
      help: 'look for expired addresses every N seconds; 0: never',
      level: 'see',
      run(argument) {
        watch.gcIntervalSeconds = parseNumber(argument);
      },
    },
    {
      path: 'iplog/setexpire',
      syntax: 'N',
      help: 'age out addresses that were silent for N seconds',
      level: 'see',
      run(argument) {
        watch.expireSeconds = parseNumber(argument);
      },
    },
  ];
}

function listings(watch: IpWatch): Menu['commands'] {
  function* list(wanted: (sighting: Sighting) => boolean = () => true): Iterable<SightingInWords> {
    for (const sighting of watch.sightings().filter(wanted)) yield watch.describe(sighting);
  }
  return [
    printing({
      path: 'iplog/iplist',
      syntax: '',
      help: 'show the addresses seen recently',
      level: 'see',
      print: () => list(),
      format: describe,
    }),
    printing({
      path: 'iplog/ipport',
      syntax: 'port',
      help: 'show the addresses of a port',
      level: 'see',
      *print(argument, { switch: sw }) {
        const wanted = parsePort(argument, sw);
        yield* list(({ port }) => port === wanted);
      },
      format: describe,
    }),
    printing({
      path: 'iplog/ipuser',
      syntax: 'user',
      help: 'show the addresses of a user',
      level: 'see',
      *print(argument) {
        const wanted = findUser(argument);
        if (wanted === undefined) throw new SwitchError('EINVAL', `there is no user '${argument}'`);
        yield* list((sighting) => watch.userOf(sighting) === wanted);
      },
      format: describe,
    }),
    printing({
      path: 'iplog/ipsearch',
      syntax: 'ipaddr',
      help: 'show the port and the user of an address',
      level: 'see',
      *print(argument) {
        const wanted = parseAddress(argument);
        yield* list(({ address }) => address === wanted);
      },
      format: describe,
    }),
  ];
}

function describe({ family, address, port, user = NOBODY }: SightingInWords): string {
  return `${family} ${address} port=${port} user=${user}`;
}

// The counters command: all counters of each port. port/print cannot show them, since its format is vde_switch's and
// has room only for the packets and bytes of each direction.

import { SwitchError } from '../../protocol/errors.ts';
import type { PortCounters } from '../../switch/counters.ts';
import { type Menu, printing } from '../command.ts';
import { pad } from '../format.ts';
import { parseOptionalPort } from '../parse.ts';

export const countersMenu: Menu = {
  commands: [
    printing({
      path: 'counters',
      syntax: '[N]',
      help: 'show frames, and drops by reason, of all ports or of port N',
      level: 'look',
      *print(argument, { switch: sw }) {
        const number = parseOptionalPort(argument, sw);
        if (number !== undefined) sw.ports.check(number);
        const rows = sw.counters().filter(({ port }) => number === undefined || port === number);
        if (number !== undefined && rows.length === 0) throw new SwitchError('ENXIO', `there is no port ${number}`);
        yield* rows;
      },
      format: describeRow,
    }),
  ],
};

/**
 * Formats the counters of a port. Drop reasons whose count is 0, and the notifications of ports without guests, are
 * left out.
 */
function* describeRow(row: PortCounters): Iterable<string> {
  yield `Port ${pad(row.port)}`;
  for (const direction of ['receive', 'transmit'] as const) {
    const casts = (['Unicast', 'Multicast', 'Broadcast'] as const).map(
      (cast) => `${cast.toLowerCase()} ${row[`${direction}${cast}`]}`,
    );
    yield ` ${direction} bytes ${row[`${direction}Bytes`]} ${casts.join(' ')}`;
    const drops = Object.entries(row[`${direction}Drops`]).filter(([, count]) => count > 0n);
    for (const [reason, count] of drops) yield `  drop ${reason} ${count}`;
  }
  yield ` paused ${row.receivePauses} stalled ${row.transmitStalls}`;
  if (row.receiveKicks + row.transmitInterrupts > 0n)
    yield ` kicks ${row.receiveKicks} interrupts ${row.transmitInterrupts}`;
  yield ` queue frames ${row.queueFrames} bytes ${row.queueBytes} limit ${row.queueLimit}`;
}

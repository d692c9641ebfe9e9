// The lines that `tsvdectl top` shows, for the size of the terminal.
import { printable } from '../../protocol/printable.ts';
import { bitRate, short } from '../../protocol/units.ts';
import { type Column, cell, cut, formatTable, type Screen } from '../table.ts';
import { STATE_STYLES } from '../views/names.ts';
import { SORTS, type TopPort, type TopState } from './top-state.ts';

/** The size of the terminal, and how it paints. */
export interface TopScreen extends Screen {
  width: number;
  height: number;
}

const FOOTER = 'Enter details  ↑↓ select  sort: p port n name r rx t tx d drops u queue  q quit';
const NARROW_FOOTER = 'Enter details  sort: p n r t d u  q quit';
const DETAILS_FOOTER = 'Esc back  ↑↓ other port  PgDn more  q quit';

/** Returns the table of the ports, scrolled so that the selected port is in it. */
export function tableLines(state: TopState, switchName: string, screen: TopScreen): string[] {
  const ports = state.sorted();
  const [heading = '', ...rows] = formatTable(columnsFor(state, screen.width), ports.map(rowOf(state, screen)), screen);
  const room = Math.max(1, screen.height - 4);
  const selected = ports.findIndex(({ port }) => port === state.selected);
  const first = Math.max(0, Math.min(selected - Math.floor(room / 2), rows.length - room));
  const shown = rows
    .slice(first, first + room)
    .map((row, i) => (first + i === selected ? highlight(row, screen) : row));
  const last = Math.min(rows.length, first + room);
  const position = rows.length > room ? `  ${first + 1}–${last} of ${rows.length}` : '';
  return [
    cut(summary(ports, switchName) + position, screen.width),
    heading,
    ...shown,
    ...(rows.length === 0 ? ['no ports yet'] : []),
    screen.paint('dim', screen.width < FOOTER.length ? cut(NARROW_FOOTER, screen.width) : FOOTER),
  ];
}

/** Returns the details of the selected port: its last minute, and the lines of the view `port` from `offset` on. */
export function detailLines(state: TopState, details: readonly string[], offset: number, screen: TopScreen): string[] {
  const width = Math.min(60, screen.width);
  const spark = state.selected === undefined ? '' : state.sparkline(state.selected, width);
  const room = Math.max(1, screen.height - 5);
  const first = Math.max(0, Math.min(offset, details.length - room));
  return [
    screen.paint('bold', cut('The last minute, both directions', screen.width)),
    spark,
    '',
    ...details.slice(first, first + room),
    screen.paint('dim', cut(DETAILS_FOOTER, screen.width)),
  ];
}

function columnsFor(state: TopState, width: number): Column[] {
  const wide = width >= 64;
  const mark = (key: keyof typeof SORTS, narrow: string) => {
    const label = wide ? SORTS[key].heading : narrow;
    return key === state.sort ? `${label}${SORTS[key].ascending === state.reversed ? '▼' : '▲'}` : label;
  };
  return [
    { heading: mark('p', 'PORT'), right: true },
    { heading: mark('n', 'NAME'), least: 7 },
    ...(width >= 100 ? [{ heading: 'STATE' }] : []),
    { heading: mark('r', 'RX'), right: true },
    { heading: mark('t', 'TX'), right: true },
    { heading: mark('d', 'DROP'), right: true },
    { heading: mark('u', 'Q'), right: true },
    { heading: 'MINUTE' },
  ];
}

function rowOf(state: TopState, { width }: TopScreen) {
  const spark = width < 64 ? 8 : width < 80 ? 15 : width < 120 ? 20 : 60;
  return ({ port, name, endpoints, state: portState, rx, tx, queueFrames }: TopPort) => {
    const drops = rx.dropsPerSecond + tx.dropsPerSecond;
    const style = portState === 'up' ? undefined : STATE_STYLES[portState];
    return [
      cell(port, style),
      cell(name ?? endpoints[0]?.description ?? (width < 100 ? portState : undefined), style ?? 'bold'),
      ...(width >= 100 ? [cell(portState, STATE_STYLES[portState])] : []),
      cell(short(rx.bitsPerSecond), style),
      cell(short(tx.bitsPerSecond), style),
      cell(short(drops), drops > 0 ? 'red' : style),
      cell(short(queueFrames), queueFrames > 0 ? 'yellow' : style),
      cell(state.sparkline(port, spark), 'green'),
    ];
  };
}

function summary(ports: readonly TopPort[], switchName: string): string {
  const up = ports.filter(({ state }) => state !== 'down').length;
  const sum = (value: (port: TopPort) => number) => ports.reduce((total, port) => total + value(port), 0);
  const drops = sum(({ rx, tx }) => rx.dropsPerSecond + tx.dropsPerSecond);
  return `${printable(switchName)}: ${up} of ${ports.length} up, ${bitRate(sum(({ rx }) => rx.bitsPerSecond))}, ${short(drops)} drops/s`;
}

/** Marks the selected line. Without styles, as with NO_COLOR, a character marks the line. */
function highlight(row: string, screen: TopScreen): string {
  const probe = screen.paint('bold', 'x');
  return probe === 'x' ? `>${row.replace(/^ /, '')}` : `\x1b[7m${row}\x1b[27m`;
}

// Tables for terminals of any width, with any text that clients may choose.
import { describe, expect, test } from 'vitest';
import { type Column, cell, cut, formatTable, NO_BREAK, widthOf } from '../../src/ctl/table.ts';
import { duration, short } from '../../src/protocol/units.ts';
import { randomFrom } from '../conformance.ts';

const paint = (_: string, text: string) => text;
const COLUMNS: readonly Column[] = [
  { heading: 'N', right: true },
  { heading: 'NAME', least: 4 },
  { heading: 'RX', right: true, rank: 2 },
  { heading: 'TX', right: true, rank: 2 },
  { heading: 'WHAT', least: 6, rank: 1 },
];
const ROWS = [
  [cell(1), cell('web'), cell('10k'), cell('7'), cell('a long description')],
  [cell(12), cell('a-long-name'), cell('0'), cell('1.24M'), cell('short')],
];
const table = (width?: number, rows = ROWS, columns = COLUMNS) => formatTable(columns, rows, { width, paint });

describe('a table', () => {
  test('without a width shows everything', () => {
    expect(table()).toEqual([
      ' N  NAME          RX     TX  WHAT',
      ' 1  web          10k      7  a long description',
      '12  a-long-name    0  1.24M  short',
    ]);
  });

  test.each([
    [50, '12  a-long-name    0  1.24M  short'],
    [40, '12  a-long-name    0  1.24M  short'],
    [32, '12  a-long-…    0  1.24M  short'],
    [28, '12  a-l…    0  1.24M  short'],
    [27, '12  a-long-name  short'],
    [16, '12  a-l…  short'],
    [14, '12  a-long-na…'],
    [8, '12  a-l…'],
    [3, '12'],
  ])('of %i columns', (width, row) => {
    expect(table(width)[2]).toBe(row);
    for (const line of table(width)) expect(widthOf(line)).toBeLessThanOrEqual(width);
  });

  test('counts the columns of a terminal, not letters', () => {
    const rows = [[cell('网络客户')], [cell('é'.normalize('NFD'))], [cell('👩‍👩‍👧 family')]].map(([name]) => [
      cell(1),
      name!,
      cell(0),
      cell(0),
      cell('x'),
    ]);
    const lines = table(undefined, rows);
    expect(new Set(lines.slice(1).map((line) => widthOf(line))).size).toBe(1);
    expect(cut('网络客户', 5)).toBe('网络…');
    expect(cut('网络客户', 8)).toBe('网络客户');
  });

  test('shows control characters of a client as text', () => {
    expect(cell('\x1b[2J\n\x9b').text).toBe('\\x1b[2J\\x0a\\x9b');
  });

  test('paints headings and cells without changing the layout', () => {
    const rows = [[cell(1, 'red'), cell('web', 'bold'), cell(0), cell(0), cell('x')]];
    const lines = formatTable(COLUMNS, rows, { width: undefined, paint: (style, text) => `<${style}>${text}</>` });
    expect(lines[1]).toBe('<red>1</>  <bold>web</>    0   0  x');
    expect(lines.map((line) => line.replace(/<.*?>/g, ''))).toEqual(table(undefined, rows));
  });

  test('wraps at commas and spaces, but not where that is forbidden', () => {
    const columns: readonly Column[] = [{ heading: 'ID' }, { heading: 'LIST', least: 12, wraps: true }];
    const wrapped = (text: string) => table(16, [[cell('x'), cell(text)]], columns).slice(1);
    expect(wrapped(`1${NO_BREAK}uplink, 2${NO_BREAK}web, 3`)).toEqual(['x   1 uplink,', '    2 web, 3']);
    expect(wrapped('tap,ifname=qtap')).toEqual(['x   tap,', '    ifname=qtap']);
    expect(wrapped('abcdefghijklmnop q')).toEqual(['x   abcdefghijkl', '    mnop q']);
    expect(wrapped('')).toEqual(['x']);
  });

  test('of random cells is never wider than asked for, and loses no row', () => {
    const below = randomFrom(3);
    const letters = ['a', 'b', ' ', ',', '网', 'é', '👍', '\x1b'];
    const text = () => Array.from({ length: below(40) }, () => letters[below(letters.length)]).join('');
    for (let i = 0; i < 300; i++) {
      const columns = COLUMNS.map((column) =>
        column.least && below(2) ? { ...column, wraps: true as const } : column,
      );
      const rows = Array.from({ length: below(4) }, () => COLUMNS.map(() => cell(text())));
      const width = 1 + below(100);
      const lines = table(width, rows, columns);
      expect(lines.length).toBeGreaterThan(rows.length);
      for (const line of lines) expect(widthOf(line), JSON.stringify(line)).toBeLessThanOrEqual(width);
    }
  });
});

test.each([
  [0, '0'],
  [1, '1'],
  [0.4, '0.4'],
  [9.95, '9.9'],
  [820, '820'],
  [999.4, '999'],
  [999.6, '1.00k'],
  [12_345, '12.3k'],
  [123_456, '123k'],
  [999_600, '1.00M'],
  [1_240_000, '1.24M'],
  [9.87e9, '9.87G'],
  [4e15, '4.00P'],
])('%d is short as %s', (number, text) => expect(short(number)).toBe(text));

test.each([
  [0, '0 s'],
  [119, '119 s'],
  [120, '2 min'],
  [7199, '119 min'],
  [7200, '2 h'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

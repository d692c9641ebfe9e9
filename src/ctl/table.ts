// Tables of text, laid out for the width of a terminal. Columns that do not fit are left out or cut, beginning with the
// least important. Without a width, as in a pipe, everything is shown.
import truncate from 'fast-string-truncated-width';
import { printable } from '../protocol/printable.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

export interface Cell {
  text: string;
  style?: Style | undefined;
}

export interface Column {
  heading: string;
  /** The cells are aligned to the right. */
  right?: true;
  /** The minimum width to which the column's cells may be cut or wrapped; by default they are neither. */
  least?: number;
  /** Cells that do not fit continue on further lines. */
  wraps?: true;
  /**
   * Columns with a rank are left out if there is no room for them, those of the highest rank first. Columns of the same
   * rank are left out together.
   */
  rank?: number;
}

export interface Screen {
  /** The number of columns of the terminal; undefined for no limit. */
  width: number | undefined;
  /** Returns the text in a style, or unchanged if styles are not wanted. */
  paint(style: Style, text: string): string;
}

const GAP = '  ';

/** Returns a cell. Control characters are escaped, since the text may be a client's. */
export function cell(text: string | number | undefined, style?: Style): Cell {
  return { text: text === undefined ? '' : printable(String(text)), style };
}

export function formatTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], screen: Screen): string[] {
  const widths = layOut(columns, rows, screen.width);
  const heading = columns.map((column): Cell => ({ text: column.heading, style: 'bold' }));
  return [heading, ...rows].flatMap((row) => formatRow(columns, row, widths, screen));
}

/** Cuts a text to a width. A text that is cut ends with an ellipsis. */
export function cut(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  const { index, ellipsed } = truncate(text, { limit: width, ellipsis: '…', ellipsisWidth: 1 });
  return text.slice(0, index) + (ellipsed ? '…' : '');
}

/** Returns the width of each column; undefined for columns that are left out. */
function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width = Number.POSITIVE_INFINITY,
): (number | undefined)[] {
  const wanted = columns.map(({ heading }, i) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[i]!.text)), widthOf(heading)),
  );
  const least = columns.map((column, i) => Math.min(wanted[i]!, column.least ?? Number.POSITIVE_INFINITY));
  const shown = columns.map(({ rank }) => rank === undefined);
  const total = (widths: readonly number[]) =>
    widths.reduce((sum, one, i) => (shown[i] ? sum + one + GAP.length : sum), -GAP.length);
  const ranks = [...new Set(columns.flatMap(({ rank }) => rank ?? []))].sort((a, b) => a - b);
  for (const wantedRank of ranks) {
    const ofRank = columns.flatMap(({ rank }, i) => (rank === wantedRank ? [i] : []));
    for (const i of ofRank) shown[i] = true;
    if (total(least) <= width) continue;
    for (const i of ofRank) shown[i] = false;
    break;
  }
  let spare = width - total(least);
  return columns.map((_, i) => {
    if (!shown[i]) return undefined;
    const more = Math.min(Math.max(spare, 0), wanted[i]! - least[i]!);
    spare -= more;
    return least[i]! + more;
  });
}

function formatRow(
  columns: readonly Column[],
  row: readonly Cell[],
  widths: readonly (number | undefined)[],
  { width, paint }: Screen,
): string[] {
  const shown = columns.flatMap((column, i) => {
    const width = widths[i];
    if (width === undefined) return [];
    const { text, style } = row[i]!;
    return [{ column, style, width, lines: column.wraps ? wrap(text, width) : [cut(text, width)] }];
  });
  const height = Math.max(...shown.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, line) => {
    let room = width ?? Number.POSITIVE_INFINITY;
    let text = '';
    shown.forEach(({ column, style, width, lines }, i) => {
      const place = Math.max(0, Math.min(width, room)); // less than `width` if the table does not fit
      const content = cut(lines[line] ?? '', place);
      const padding = ' '.repeat(place - widthOf(content));
      const painted = style && content !== '' ? paint(style, content) : content;
      const gap = i === shown.length - 1 ? '' : GAP;
      text += column.right ? padding + painted + gap : painted + (gap && padding + gap);
      room -= width + gap.length;
    });
    return text.trimEnd();
  });
}

/** The space between words that must stay on one line. */
export const NO_BREAK = '\u00a0';

/** Splits a text after spaces and commas into lines of at most this width. Words that are longer are divided. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.match(/[^ ,]*[ ,]+|[^ ,]+/g) ?? []) {
    if (line !== '' && widthOf((line + word).trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = '';
    }
    while (widthOf(word.trimEnd()) > width) {
      const { index } = truncate(word, { limit: width });
      lines.push(word.slice(0, Math.max(1, index)));
      word = word.slice(Math.max(1, index));
    }
    line += word;
  }
  if (line !== '' || lines.length === 0) lines.push(line.trimEnd());
  return lines.map((one) => one.replaceAll(NO_BREAK, ' '));
}

/** Returns the number of columns that a text takes at a terminal. */
export function widthOf(text: string): number {
  return truncate(text).width;
}

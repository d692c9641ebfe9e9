// The places of the ports in the picture. The switch is a bar with columns below it; the ports are on both sides of a
// column, or only on its right where there is little room. No DOM here.

export interface Place {
  /** 1 if the port is on the right of its column, -1 if it is on the left. */
  side: 1 | -1;
  /** The edge of the column from which the line starts, and the near edge of the box at which it ends. */
  from: number;
  to: number;
  /** The middle of the row. */
  y: number;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  height: number;
  /** The width of each port's box. */
  box: number;
  bar: Rectangle;
  columns: Rectangle[];
  places: Place[];
}

export const BOX_HEIGHT = 46;
const ROW = 56;
const BAR_HEIGHT = 46;
const BELOW_BAR = 16;
const NARROW = 560; // below this width, ports are only on the right
const GROUP = 600; // the width that a column with ports on both sides needs
const GAP = 24;
const ROWS_BEFORE_SECOND_COLUMN = 5;

export function layOut(count: number, width: number): Layout {
  return width < NARROW ? narrow(count, width) : wide(count, width);
}

function narrow(count: number, width: number): Layout {
  const column = { x: 0, y: BAR_HEIGHT, width: 44, height: heightOf(count) };
  const line = 48;
  const places = Array.from({ length: count }, (_, i) => ({
    side: 1 as const,
    from: column.width,
    to: column.width + line,
    y: rowAt(i),
  }));
  return {
    height: BAR_HEIGHT + column.height,
    box: Math.max(120, width - column.width - line - 2),
    bar: { x: 0, y: 0, width: Math.min(width, 260), height: BAR_HEIGHT },
    columns: [column],
    places,
  };
}

function wide(count: number, width: number): Layout {
  const useful = Math.max(1, Math.ceil(count / (2 * ROWS_BEFORE_SECOND_COLUMN)));
  const groups = Math.min(useful, Math.max(1, Math.floor((width + GAP) / (GROUP + GAP))));
  const group = Math.min((width - (groups - 1) * GAP) / groups, 760);
  const start = (width - groups * group - (groups - 1) * GAP) / 2;
  const thickness = 76;
  const box = Math.min(240, (group - thickness) / 2 - 70);
  const perGroup = 2 * Math.ceil(count / groups / 2);
  const places: Place[] = [];
  const columns: Rectangle[] = [];
  for (let i = 0; i < groups; i++) {
    const x = start + i * (group + GAP) + (group - thickness) / 2;
    const here = Math.max(0, Math.min(perGroup, count - i * perGroup));
    columns.push({ x, y: BAR_HEIGHT, width: thickness, height: heightOf(Math.ceil(here / 2)) });
    for (let j = 0; j < here; j++) {
      const side = j % 2 === 0 ? -1 : 1;
      const from = side < 0 ? x : x + thickness;
      const to = start + i * (group + GAP) + (side < 0 ? box : group - box);
      places.push({ side, from, to, y: rowAt(Math.floor(j / 2)) });
    }
  }
  const [first, last] = [columns[0]!, columns[groups - 1]!];
  const centre = (first.x + last.x + thickness) / 2;
  const barWidth = Math.max(last.x + thickness - first.x, 300);
  return {
    height: BAR_HEIGHT + Math.max(...columns.map(({ height }) => height)),
    box,
    bar: { x: centre - barWidth / 2, y: 0, width: barWidth, height: BAR_HEIGHT },
    columns,
    places,
  };
}

function heightOf(rows: number): number {
  return BELOW_BAR + rows * ROW + 4;
}

function rowAt(row: number): number {
  return BAR_HEIGHT + BELOW_BAR + row * ROW + ROW / 2;
}

/** The width of a line in pixels: 1.5 below 1 kbit/s, about 5 at 1 Mbit/s, and 16 at 10 Gbit/s. */
export function lineWidth(bitsPerSecond: number): number {
  const magnitude = Math.min(1, Math.max(0, (Math.log10(Math.max(1, bitsPerSecond)) - 3) / 7));
  return 1.5 + 14.5 * magnitude ** 1.5;
}

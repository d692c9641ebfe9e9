// The state and the lines of `tsvdectl top`, without a terminal.
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { tableLines } from '../../src/ctl/top/top-lines.ts';
import { type TopPort, TopState } from '../../src/ctl/top/top-state.ts';

const flow = (bitsPerSecond: number, dropsPerSecond = 0) => ({
  bitsPerSecond,
  framesPerSecond: 0,
  dropsPerSecond,
  bytes: 0,
  frames: 0,
  drops: 0,
});
const port = (number: number, more: Partial<TopPort> = {}): TopPort => ({
  port: number,
  state: 'up',
  rx: flow(0),
  tx: flow(0),
  queueFrames: 0,
  endpoints: [],
  ...more,
});
const PORTS = [
  port(1, { name: 'web', rx: flow(1000), queueFrames: 3 }),
  port(2, { name: 'db', rx: flow(5000), tx: flow(1, 2) }),
  port(3, { state: 'down' }),
];

function stateOf(ports = PORTS): TopState {
  const state = new TopState();
  state.update(ports);
  return state;
}

const order = (state: TopState) => state.sorted().map(({ port }) => port);

describe('the order', () => {
  test.each([
    ['p', [3, 2, 1], [1, 2, 3]], // sorted by port at first, so the key reverses
    ['n', [2, 1, 3], [3, 1, 2]],
    ['r', [2, 1, 3], [3, 1, 2]],
    ['t', [2, 1, 3], [1, 3, 2]],
    ['d', [2, 1, 3], [1, 3, 2]],
    ['u', [1, 2, 3], [2, 3, 1]],
  ] as const)('%s sorts as %j, and pressed again as %j', (key, once, twice) => {
    const state = stateOf();
    state.sortBy(key);
    expect(order(state)).toEqual(once);
    state.sortBy(key);
    expect(order(state)).toEqual(twice);
  });
});

describe('the selection', () => {
  test('the selection moves by lines, stays on its port when the order changes, and stops at the ends', () => {
    const state = stateOf();
    expect(state.selected).toBe(1);
    state.move(1);
    expect(state.selected).toBe(2);
    state.sortBy('r');
    expect(state.selected).toBe(2);
    state.move(-10);
    expect(state.selected).toBe(2);
    state.move(10);
    expect(state.selected).toBe(3);
  });

  test('if the selected port has gone, the first one is selected', () => {
    const state = stateOf();
    state.move(1);
    state.update([port(1), port(3)]);
    expect(state.selected).toBe(1);
    state.update([]);
    expect(state.selected).toBeUndefined();
  });
});

test('a sparkline has the last minute in its width, in proportion to its highest rate', () => {
  const state = new TopState();
  for (let i = 0; i < 70; i++) state.update([port(1, { rx: flow(i < 10 ? 1e9 : i) })]);
  const line = state.sparkline(1, 60);
  expect(line).toHaveLength(60);
  expect(line.endsWith('█')).toBe(true);
  expect(line.startsWith('▂') || line.startsWith('▃')).toBe(true); // the rates of the ten oldest samples are gone
  expect([...state.sparkline(1, 8)].at(-1)).toBe('█');
  state.update([port(1), port(2, { tx: flow(5) })]);
  expect(state.sparkline(2, 60)).toBe(`${' '.repeat(59)}█`);
  expect(state.sparkline(1, 60).endsWith('▁')).toBe(true);
});

test.each([50, 64, 80, 100, 200])('at %i columns every line fits, with name, rates, drops and queue', (width) => {
  const state = stateOf();
  const screen = { width, height: 24, paint: (_: string, text: string) => text };
  const lines = tableLines(state, 'lab', screen).map(stripVTControlCharacters);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  expect(lines[0]).toContain('lab: 2 of 3 up, 6.00 kbit/s, 2 drops/s');
  expect(lines[2]).toMatch(/^> *1 +web .*1\.00k +0 +0 +3 /);
  expect(lines[3]).toMatch(/ 2 +db .*5\.00k +1 +2 +0 /);
});

test('many ports scroll, with the selected port among the lines', () => {
  const state = stateOf(Array.from({ length: 1000 }, (_, i) => port(i + 1)));
  state.move(500);
  const lines = tableLines(state, 'lab', { width: 80, height: 24, paint: (_, text) => text });
  expect(lines).toHaveLength(23);
  expect(lines.filter((line) => line.startsWith('>'))).toHaveLength(1);
  expect(lines.find((line) => line.startsWith('>'))).toMatch(/501/);
  expect(lines[0]).toContain('of 1000');
});

test("control characters of a client's name are escaped", () => {
  const state = stateOf([port(1, { endpoints: [{ id: 1, kind: 'vde', description: 'x\x1b[2Jy' }] })]);
  const [, , row] = tableLines(state, 'lab', { width: 100, height: 24, paint: (_, text) => text });
  expect(row).toContain('x\\x1b[2Jy');
});

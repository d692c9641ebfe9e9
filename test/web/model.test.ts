// The page's model and layout, without a browser.
import { describe, expect, test } from 'vitest';
import type { LiveCounters, LiveMessage, LivePort } from '../../src/web/live.ts';
import { layOut, lineWidth } from '../../src/web/page/layout.ts';
import { Model } from '../../src/web/page/model.ts';

const port = (number: number, more: Partial<LivePort> = {}): LivePort => ({
  port: number,
  state: 'up',
  untagged: 0,
  tagged: [],
  endpoints: [],
  ...more,
});
const flow = (bytes: number, drops: Record<string, number> = {}) => ({
  bytes,
  unicast: bytes / 100,
  multicast: 0,
  broadcast: 0,
  drops,
});
const counters = (number: number, rx: number, drops: Record<string, number> = {}): LiveCounters => ({
  port: number,
  rx: flow(rx, drops),
  tx: flow(0),
  pauses: 0,
  stalls: 0,
  queue: [0, 256],
});
const message = (at: number, more: Partial<LiveMessage>): LiveMessage => ({
  at,
  switch: { name: 'lab', version: '0', hub: false, uptimeSeconds: 0, macs: [0, 1] },
  whole: false,
  ports: [],
  removed: [],
  counters: [],
  events: [],
  ...more,
});

describe('the model', () => {
  test('rates are measured by the time of the server; a port without a change rests', () => {
    const model = new Model();
    model.apply(message(1000, { whole: true, ports: [port(1)], counters: [counters(1, 5000)] }), 0);
    expect(model.ports.get(1)!.rx.bits).toBe(0);
    model.apply(message(3000, { counters: [counters(1, 7000)] }), 1);
    expect(model.ports.get(1)!.rx).toEqual({ bits: 8000, frames: 10, drops: 0 });
    model.apply(message(4000, {}), 2);
    expect(model.ports.get(1)!.rx.bits).toBe(0);
  });

  test('counters that were reset began at 0; those of a new process have no rate yet', () => {
    const model = new Model();
    model.apply(message(9000, { whole: true, ports: [port(1)], counters: [counters(1, 5000)] }), 0);
    model.apply(message(10_000, { counters: [counters(1, 100)] }), 1);
    expect(model.ports.get(1)!.rx.bits).toBe(800);
    model.apply(message(50, { whole: true, ports: [port(1)], counters: [counters(1, 900_000)] }), 2);
    expect(model.ports.get(1)!.rx.bits).toBe(0);
  });

  test('a port is shown as dropping for three seconds; frames that stay on their port are no such drops', () => {
    const model = new Model();
    const seen = (at: number, drops: Record<string, number>) => {
      model.apply(message(at, { counters: [counters(1, 0, drops)] }), at);
      return model.ports.get(1)!.appearance(at);
    };
    model.apply(message(0, { whole: true, ports: [port(1)], counters: [counters(1, 0)] }), 0);
    expect(seen(1000, { same_port: 5 })).toBe('up');
    expect(seen(2000, { same_port: 5, vlan: 1 })).toBe('dropping');
    expect(seen(4000, { same_port: 5, vlan: 1 })).toBe('dropping');
    expect(seen(5000, { same_port: 5, vlan: 1 })).toBe('up');
  });

  test('a whole message removes the ports that it does not list', () => {
    const model = new Model();
    model.apply(message(0, { whole: true, ports: [port(1), port(2)] }), 0);
    expect(model.apply(message(1, { ports: [port(2, { name: 'web' })] }), 0)).toBe(false);
    expect(model.apply(message(2, { whole: true, ports: [port(2)] }), 0)).toBe(true);
    expect([...model.ports.keys()]).toEqual([2]);
    expect(model.apply(message(3, { removed: [2] }), 0)).toBe(true);
    expect(model.ports.size).toBe(0);
  });

  test('the history has the last 600 samples, and a port only its own', () => {
    const model = new Model();
    model.apply(message(0, { whole: true, ports: [port(1)], counters: [counters(1, 0)] }), 0);
    for (let i = 1; i <= 650; i++) {
      if (i === 640) model.apply(message(i * 1000 - 500, { ports: [port(2)] }), i * 1000 - 500);
      model.apply(message(i * 1000, { counters: [counters(1, i * 125)] }), i * 1000);
    }
    const [times, rx] = model.history(model.ports.get(1)!);
    expect(times).toHaveLength(600);
    expect(times.at(-1)).toBe(650);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(rx.at(-1)).toBe(1000);
    expect(model.history(model.ports.get(2)!)[0]).toHaveLength(12);
  });
});

describe('the layout', () => {
  test.each([320, 390, 559, 560, 800, 1280, 2400])(
    'at a width of %i, nothing overlaps or leaves the picture',
    (width) => {
      for (const count of [0, 1, 2, 11, 40, 1000]) {
        const { places, box, height, bar, columns } = layOut(count, width);
        expect(places).toHaveLength(count);
        const boxes = places.map(({ side, to, y }) => ({ left: side > 0 ? to : to - box, y }));
        for (const { left, y } of boxes) {
          expect(left).toBeGreaterThanOrEqual(0);
          expect(left + box).toBeLessThanOrEqual(width);
          expect(y + 23).toBeLessThanOrEqual(height);
        }
        expect(new Set(boxes.map(({ left, y }) => `${left} ${y}`)).size).toBe(count);
        for (const { side, from, to } of places) expect(side * (to - from)).toBeGreaterThan(20);
        expect(bar.x).toBeGreaterThanOrEqual(0);
        expect(Math.max(...columns.map((column) => column.x + column.width))).toBeLessThanOrEqual(width);
      }
    },
  );

  test('a line is wider for a higher rate, and at most 16 pixels', () => {
    const widths = [0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e12].map(lineWidth);
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect([widths[0], widths.at(-1)]).toEqual([1.5, 16]);
  });
});

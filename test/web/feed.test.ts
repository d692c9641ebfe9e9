// The streams: what they are sent, that nothing is computed without one, and what happens to a slow one.
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Switch } from '../../src/index.ts';
import { Feed } from '../../src/web/feed.ts';
import type { LiveMessage } from '../../src/web/live.ts';
import { atEnd } from '../support/at-end.ts';

class Browser extends EventEmitter {
  readonly messages: LiveMessage[] = [];
  writableLength = 0;
  destroyed = false;

  write(text: string): void {
    expect(text).toMatch(/^data: [^\n]*\n\n$/);
    this.messages.push(JSON.parse(text.slice('data: '.length)) as LiveMessage);
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function open(feed: Feed): Browser {
  const browser = new Browser();
  feed.add(browser as unknown as ServerResponse);
  return browser;
}

function feedOf(): { sw: Switch; feed: Feed } {
  const sw = new Switch({ name: 'lab' });
  const feed = new Feed(sw);
  atEnd(() => sw.close());
  atEnd(() => feed.close());
  return { sw, feed };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

test('a stream begins with all ports, and then gets only those that changed', () => {
  const { sw, feed } = feedOf();
  sw.ports.create(1);
  sw.ports.create(2);
  const browser = open(feed);
  vi.advanceTimersByTime(2000);
  sw.ports.setName(2, 'web');
  sw.vlans.create(7);
  sw.vlans.addPort(7, 2);
  vi.advanceTimersByTime(1000);
  sw.ports.remove(1);
  vi.advanceTimersByTime(1000);
  const numbers = browser.messages.map(({ ports }) => ports.map(({ port }) => port));
  expect(numbers).toEqual([[1, 2], [1, 2], [], [2], []]);
  expect(browser.messages.map(({ whole }) => whole)).toEqual([true, false, false, false, false]);
  expect(browser.messages[3]!.ports[0]).toEqual({
    port: 2,
    name: 'web',
    state: 'down',
    untagged: 0,
    tagged: [7],
    endpoints: [],
  });
  expect(browser.messages[4]!.removed).toEqual([1]);
  expect(browser.messages[4]!.switch).toMatchObject({ name: 'lab', hub: false, macs: [0, 131_072] });
});

test('events are sent once, and a new stream gets the latest of them', () => {
  const { sw, feed } = feedOf();
  const browser = open(feed);
  sw.ports.create(3);
  vi.advanceTimersByTime(2000);
  expect(browser.messages.map(({ events }) => events.map(({ text, port }) => [text, port]))).toEqual([
    [],
    [['port 3: created', 3]],
    [],
  ]);
  expect(open(feed).messages[0]!.events.map(({ sequence }) => sequence)).toEqual([1]);
  for (let vlan = 1; vlan <= 250; vlan++) sw.vlans.create(vlan);
  vi.advanceTimersByTime(1000);
  const { events } = browser.messages.at(-1)!;
  expect(events).toHaveLength(100);
  expect(events.map(({ text }) => text)).toContain('VLAN 250: created');
});

test('nothing is computed while there is no stream', () => {
  const { sw, feed } = feedOf();
  const counters = vi.spyOn(sw, 'counters');
  vi.advanceTimersByTime(5000);
  expect(counters).not.toHaveBeenCalled();
  const [one, two] = [open(feed), open(feed)];
  vi.advanceTimersByTime(3000);
  expect(counters).toHaveBeenCalledTimes(9); // 2 by the new streams, 1 when events begin, and 2 a second for 3 s: by the message and by the events
  one.destroy();
  two.destroy();
  vi.advanceTimersByTime(5000);
  expect(counters).toHaveBeenCalledTimes(9);
  expect(vi.getTimerCount()).toBe(0);
});

test('a stream that is not read gets nothing more and is closed after five seconds; others are not delayed', () => {
  const { feed } = feedOf();
  const [slow, quick] = [open(feed), open(feed)];
  slow.writableLength = 1;
  vi.advanceTimersByTime(4000);
  expect([slow.messages.length, slow.destroyed]).toEqual([1, false]);
  vi.advanceTimersByTime(1000);
  expect([slow.messages.length, slow.destroyed]).toEqual([1, true]);
  expect(quick.messages).toHaveLength(6);
  expect(feed.size).toBe(1);
});

test('a stream that was not read for a while begins anew with all ports', () => {
  const { sw, feed } = feedOf();
  sw.ports.create(1);
  const browser = open(feed);
  vi.advanceTimersByTime(1000);
  browser.writableLength = 1;
  sw.ports.create(2);
  vi.advanceTimersByTime(3000);
  browser.writableLength = 0;
  vi.advanceTimersByTime(1000);
  const last = browser.messages.at(-1)!;
  expect([last.whole, last.ports.map(({ port }) => port)]).toEqual([true, [1, 2]]);
});

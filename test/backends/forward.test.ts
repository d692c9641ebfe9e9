// The rules of hostfwd and guestfwd: every part, its limits, and the canonical form.
import { describe, expect, test } from 'vitest';
import {
  formatHostForward,
  formatHostPlace,
  guestForward,
  hostForward,
  hostPlace,
} from '../../src/backends/user/forward.ts';

const at = (address: string | undefined, port: number) => ({ address, port });
const long = (length: number) => `/${'x'.repeat(length - 1)}`;

test('each type of rule describes in words what is permitted', () => {
  expect(hostForward.what).toBe(
    '[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT or unix:/PATH-[ADDRESS]:PORT, an IPv6 address in brackets',
  );
  expect(hostPlace.what).toBe('[tcp|udp]:[ADDRESS]:PORT or unix:/PATH');
  expect(guestForward.what).toBe('tcp:[ADDRESS]:PORT-TARGET, its target cmd:PROGRAM, tcp:HOST:PORT or unix:PATH');
});

describe('hostfwd', () => {
  test.each([
    ['tcp::1-:65535', { protocol: 'tcp', place: at(undefined, 1) }, at(undefined, 65535), 'tcp::1-:65535'],
    ['::1-:2', { protocol: 'tcp', place: at(undefined, 1) }, at(undefined, 2), 'tcp::1-:2'],
    [
      'udp:1.2.3.4:5-6.7.8.9:10',
      { protocol: 'udp', place: at('1.2.3.4', 5) },
      at('6.7.8.9', 10),
      'udp:1.2.3.4:5-6.7.8.9:10',
    ],
    ['udp:[0::1]:5-[FE80::2]:6', { protocol: 'udp', place: at('::1', 5) }, at('fe80::2', 6), 'udp:[::1]:5-[fe80::2]:6'],
    ['unix:/a-b:c-:22', { protocol: 'tcp', path: '/a-b:c' }, at(undefined, 22), 'unix:/a-b:c-:22'],
    ['unix:/a\nb-:22', { protocol: 'tcp', path: '/a\nb' }, at(undefined, 22), 'unix:/a\nb-:22'],
    ['tcp::00022-:080', { protocol: 'tcp', place: at(undefined, 22) }, at(undefined, 80), 'tcp::22-:80'],
  ])('%j is read, and written in its canonical form', (rule, host, guest, canonical) => {
    expect(hostForward.parse(rule)).toEqual({ host, guest });
    expect(formatHostForward(hostForward.parse(rule)!)).toBe(canonical);
  });

  test('a path has room for 107 bytes', () => {
    expect(hostForward.parse(`unix:${long(107)}-:1`)?.host).toEqual({ protocol: 'tcp', path: long(107) });
    expect(hostForward.parse(`unix:${long(108)}-:1`)).toBeUndefined();
    expect(hostForward.parse(`unix:${long(106)}é-:1`)).toBeUndefined();
  });

  test.each([
    '',
    '-',
    '-:22',
    'tcp::22',
    'tcp::22-',
    'tcp::22-22',
    'tcp:22-:22',
    'tcp::65536-:22',
    'tcp::000022-:22',
    'tcp::22-:000022',
    'tcp::22-:65536',
    'tcp::22-:123456',
    'tcp::22-:x',
    'tcp::22-:22x',
    'tcp::x22-:22',
    'tcp:::22-:22',
    'atcp::22-:22',
    'sctp::22-:22',
    'tcp:1.2.3:22-:22',
    'tcp:::1:22-:22',
    'tcp:[]:22-:22',
    'tcp:[1.2.3.4]:22-:22',
    'tcp:[::1:22-:22',
    'tcp:x[::1]:22-:22',
    'tcp::22-1.2.3:22',
    'unix:a-:22',
    'unix:-:22',
    'unix:/a-:0',
  ])('%j is not a rule', (rule) => {
    expect(hostForward.parse(rule)).toBeUndefined();
  });
});

describe("the host's end", () => {
  test.each([
    ['tcp::22', { protocol: 'tcp', place: at(undefined, 22) }, 'tcp::22'],
    ['udp:[::1]:22', { protocol: 'udp', place: at('::1', 22) }, 'udp:[::1]:22'],
    [':1.2.3.4:22', { protocol: 'tcp', place: at('1.2.3.4', 22) }, 'tcp:1.2.3.4:22'],
    ['tcp:1.2.3.4:22-:80', { protocol: 'tcp', place: at('1.2.3.4', 22) }, 'tcp:1.2.3.4:22'],
    ['unix:/a-:22', { protocol: 'tcp', path: '/a' }, 'unix:/a'],
    ['unix:/a-b', { protocol: 'tcp', path: '/a-b' }, 'unix:/a-b'],
  ])('%s is found in a rule or alone', (text, place, canonical) => {
    expect(hostPlace.parse(text)).toEqual(place);
    expect(formatHostPlace(hostPlace.parse(text)!)).toBe(canonical);
  });

  test.each(['', 'tcp', 'tcp::x', 'unix:a'])("%j is not a host's end", (text) => {
    expect(hostPlace.parse(text)).toBeUndefined();
  });
});

describe('guestfwd', () => {
  const four = 0x0a000264;
  test.each([
    ['tcp:10.0.2.100:80-cmd:nc -U /x-y:1', four, 80, { kind: 'cmd', command: 'nc -U /x-y:1' }],
    [':10.0.2.100:80-cmd:a\nb', four, 80, { kind: 'cmd', command: 'a\nb' }],
    ['tcp::65535-tcp:host:1', undefined, 65535, { kind: 'tcp', host: 'host', port: 1 }],
    ['::1-tcp:[::1]:8080', undefined, 1, { kind: 'tcp', host: '::1', port: 8080 }],
    ['tcp::1-unix:relative', undefined, 1, { kind: 'unix', path: 'relative' }],
    [`tcp::1-unix:${long(107)}`, undefined, 1, { kind: 'unix', path: long(107) }],
    ['tcp::1-cmd:a,b', undefined, 1, { kind: 'cmd', command: 'a,b' }],
  ])('%j is read', (rule, address, port, target) => {
    expect(guestForward.parse(rule)).toEqual({ address, port, target });
  });

  test.each([
    '',
    'tcp:10.0.2.100:80',
    'tcp:10.0.2.100:80-',
    'udp:10.0.2.100:80-cmd:x',
    'xtcp::80-cmd:x',
    'tcp::0-cmd:x',
    'tcp::65536-cmd:x',
    'tcp::x-cmd:x',
    'tcp:a:80-cmd:x',
    'tcp::80-stdio',
    'tcp::80-cmd:',
    'tcp::80-xcmd:a',
    'tcp::80-unix:',
    'tcp::80-unix:/a,server',
    `tcp::80-unix:${long(108)}`,
    `tcp::80-unix:${long(108)}:80`,
    'tcp::80-tcp:host',
    'tcp::80-tcp::1',
    'tcp::80-tcp:host:0',
    'tcp::80-tcp:host:65536',
    'tcp::80-tcp:host:x',
    'tcp::80-tcp:host:1,server',
    'tcp::80-tcp:a,b:1',
    'tcp::80-tcp:x[::1]:1',
  ])('%j is not a rule', (rule) => {
    expect(guestForward.parse(rule)).toBeUndefined();
  });
});

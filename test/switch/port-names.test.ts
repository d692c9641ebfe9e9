// The names of ports: what sets a name, which port gets a name that several ports want, and that names are unique.
import { expect, test } from 'vitest';
import { nameFrom, nameIn } from '../../src/protocol/names.ts';
import { PortNames } from '../../src/switch/port-names.ts';
import { randomFrom } from '../conformance.ts';

const namesOf = (names: PortNames, ports = 3) => Array.from({ length: ports }, (_, i) => names.of(i + 1));

test('-1, -2 is appended to a name that another port has; setting the same name again changes nothing', () => {
  const names = new PortNames();
  expect([1, 2, 3].map((port) => names.set(port, 'web'))).toEqual(['web', 'web-1', 'web-2']);
  expect([3, 2, 1].map((port) => names.set(port, 'web'))).toEqual(['web-2', 'web-1', 'web']);
  expect(names.numberOf('web-2')).toBe(3);
  const long = 'a'.repeat(64);
  expect([names.set(1, long), names.set(2, long)]).toEqual([long, `${'a'.repeat(62)}-1`]);
});

test.each(['', '3', '3a', '-a', 'a b', 'ä', 'a/b', 'a'.repeat(65)])('`%s` is not a name', (name) => {
  expect(() => new PortNames().set(1, name)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('a name that was removed is free', () => {
  const names = new PortNames();
  names.set(1, 'web');
  expect(names.set(1, undefined)).toBeUndefined();
  expect(names.set(2, 'web')).toBe('web');
  names.forget(2);
  expect(names.numberOf('web')).toBeUndefined();
});

test('a client names its port while it is connected', () => {
  const names = new PortNames();
  names.want(1, 'web');
  names.want(2, 'web');
  expect(namesOf(names)).toEqual(['web', 'web-1', undefined]);
  names.unwant(1, 'web');
  expect(namesOf(names)).toEqual([undefined, 'web-1', undefined]);
  for (const name of ['other', 'web']) names.want(2, name); // further clients on the port
  names.unwant(2, 'web');
  expect(names.of(2)).toBe('web-1');
  names.unwant(2, 'web');
  expect(names.of(2)).toBe('other');
});

test('a name that was set takes precedence over that of a client, on its own port and on others', () => {
  const names = new PortNames();
  names.want(1, 'web');
  expect(names.set(2, 'web')).toBe('web');
  expect(namesOf(names)).toEqual(['web-1', 'web', undefined]);
  names.want(3, 'web');
  expect(names.of(3)).toBe('web-2');
  expect(names.set(1, 'db')).toBe('db');
  expect(names.set(1, undefined)).toBe('web-1');
});

test('a lent name is given back, unless another was set meanwhile', () => {
  const names = new PortNames();
  names.set(1, 'rack');
  const giveBack = names.lend(1, 'uplink');
  expect(names.of(1)).toBe('uplink');
  giveBack();
  expect(names.of(1)).toBe('rack');
  const giveBackAgain = names.lend(1, 'uplink');
  names.set(1, 'mine');
  giveBackAgain();
  expect(names.of(1)).toBe('mine');
});

test('random changes leave no two ports with one name, and no name without a port', () => {
  const below = randomFrom(7);
  const wanted = new Map<number, string[]>();
  const names = new PortNames();
  const words = ['a', 'b', 'a-1'];
  const word = () => words[below(words.length)]!;
  for (let i = 0; i < 3000; i++) {
    const port = 1 + below(5);
    [
      () => names.set(port, word()),
      () => names.set(port, undefined),
      () => {
        const name = word();
        wanted.set(port, [...(wanted.get(port) ?? []), name]);
        names.want(port, name);
      },
      () => {
        const name = wanted.get(port)?.shift();
        if (name !== undefined) names.unwant(port, name);
      },
      () => names.lend(port, word())(),
      () => {
        wanted.delete(port);
        names.forget(port);
      },
    ][below(6)]!();
    const held = namesOf(names, 5).flatMap((name) => name ?? []);
    expect(new Set(held).size).toBe(held.length);
    for (const name of held) expect(names.of(names.numberOf(name)!)).toBe(name);
    for (const name of ['a', 'b', 'a-1', 'a-2', 'b-1'])
      if (!held.includes(name)) expect(names.numberOf(name)).toBeUndefined();
  }
});

test.each([
  ['web', 'web'],
  ['My guest (2)', 'My-guest-2'],
  ['2024 web', 'vm-2024-web'],
  ['-x-', 'x'],
  ['éé', undefined],
  ['', undefined],
  ['a'.repeat(99), 'a'.repeat(64)],
])('the guest `%s` is the port %s', (text, name) => expect(nameFrom(text)).toBe(name));

test.each([
  ['tsvdeq name=web user=root pid=7', 'web'],
  ['name=web', 'web'],
  ['vde_plug surname=x', undefined],
  ['x name=7 name=<b> name=ok', 'ok'],
  ['name=', undefined],
  ['', undefined],
])('the description `%s` asks for %s', (text, name) => expect(nameIn(text)).toBe(name));

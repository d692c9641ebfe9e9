// The values of a kind's keys: which values are read, and the sentence of each refusal. The keys are made up here.
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  COMMON_KEYS,
  flag,
  type Keys,
  mode,
  number,
  oneOf,
  path,
  readValues,
  text,
  type ValueType,
} from '../../src/backends/keys.ts';

describe('types of values', () => {
  test.each<[string, ValueType<unknown>, [string, unknown][]]>([
    ['any text', text, [['a b', 'a b'], ['', undefined]]], // biome-ignore format: a row a line
    ['on or off', flag, [['on', true], ['off', false], ['', undefined], ['yes', undefined]]], // biome-ignore format: a row a line
    ['a path', path, [['/a/../b', '/b'], ['a', resolve('a')], ['', undefined]]], // biome-ignore format: a row a line
    [
      'permissions in octal, like 660',
      mode,
      [['660', 0o660], ['0660', 0o660], ['7', 7], ['0', 0], ['0000777', 0o777], ['1777', undefined], ['8', undefined], ['', undefined], ['x7', undefined], ['7x', undefined]], // biome-ignore format: a row a line
    ],
    [
      'a number from 5 to 12',
      number(5, 12),
      [['5', 5], ['12', 12], ['007', 7], ['4', undefined], ['13', undefined], ['', undefined], ['x6', undefined], ['6x', undefined], ['-6', undefined], ['6.5', undefined]], // biome-ignore format: a row a line
    ],
    ['a number from 0 to 1e+21', number(0, 1e21), [['9'.repeat(15), 999999999999999], ['9'.repeat(16), undefined]]], // biome-ignore format: a row a line
    ['tcp or udp', oneOf('tcp', 'udp'), [['tcp', 'tcp'], ['udp', 'udp'], ['', undefined], ['t', undefined]]], // biome-ignore format: a row a line
    [
      'a letter, then letters, digits and -._',
      COMMON_KEYS.id.value,
      [['a', 'a'], ['Z9-._', 'Z9-._'], [`a${'b'.repeat(63)}`, `a${'b'.repeat(63)}`], [`a${'b'.repeat(64)}`, undefined], ['9a', undefined], ['a b', undefined], ['', undefined], [' a', undefined], ['a!', undefined]], // biome-ignore format: a row a line
    ],
  ])('%s', (what, type, rows) => {
    expect(type.what).toBe(what);
    for (const [word, value] of rows) expect(type.parse(word), `'${word}'`).toBe(value);
  });

  test('every kind has an ID, a name, a port and a VLAN', () => {
    expect(Object.keys(COMMON_KEYS)).toEqual(['id', 'name', 'switchport', 'vlan']);
    for (const { help } of Object.values(COMMON_KEYS)) expect(help).not.toBe('');
    const { switchport, vlan } = COMMON_KEYS;
    expect(['0', '1', '65535', '65536'].map((word) => switchport.value.parse(word))).toEqual([
      undefined,
      1,
      65535,
      undefined,
    ]);
    expect(['0', '4094', '4095'].map((word) => vlan.value.parse(word))).toEqual([0, 4094, undefined]);
  });
});

describe('the values of a spec', () => {
  const keys = {
    name: { value: text, help: 'a name', required: true },
    server: { value: flag, help: 'whether it listens', fallback: false },
    count: { value: number(1, 9), help: 'how many', fallback: 3 },
    size: { value: number(1, 9), help: 'how large' },
    rule: { value: text, help: 'a rule', repeatable: true },
    clients: { value: number(1, 9), help: 'how many clients', goesWith: ['server=on'] },
    host: { value: text, help: 'a host', goesWith: ['server=off', 'size'] },
    group: { value: text, help: 'a group', required: true, goesWith: ['size'] },
  } as const satisfies Keys;
  const read = (...pairs: [string, string][]) => readValues(keys, { kind: 'kind', pairs, help: false });
  const name: [string, string] = ['name', 'n'];

  test('are those given, the fallbacks, and lists for repeatable keys', () => {
    expect(read(name)).toEqual({
      name: 'n',
      server: false,
      count: 3,
      size: undefined,
      rule: [],
      clients: undefined,
      host: undefined,
      group: undefined,
    });
    expect(
      read(
        name,
        ['server', 'on'],
        ['count', '4'],
        ['size', '5'],
        ['rule', 'a'],
        ['rule', 'b'],
        ['clients', '2'],
        ['group', 'g'],
        ['host', 'h'],
      ),
    ).toEqual({ name: 'n', server: true, count: 4, size: 5, rule: ['a', 'b'], clients: 2, host: 'h', group: 'g' });
    expect(read(name, ['host', 'h'])).toMatchObject({ host: 'h' });
    expect(read(name, ['server', 'off'], ['host', 'h'])).toMatchObject({ host: 'h', server: false });
  });

  test.each<[string, [string, string][], string]>([
    ['a missing key', [], 'kind: name is missing: a name'],
    ['a missing key that another key requires', [name, ['size', '5']], 'kind: group is missing: a group'],
    ['a key that goes only with server=on', [name, ['clients', '2']], 'kind: clients goes only with server=on'],
    [
      'a key that goes only with one of two others',
      [name, ['server', 'on'], ['host', 'h']],
      'kind: host goes only with server=off or size',
    ],
    ['a key that goes only with a missing key', [name, ['group', 'g']], 'kind: group goes only with size'],
    ['an invalid value', [name, ['size', '0']], "kind: size is '0': it must be a number from 1 to 9"],
    ['a key given twice', [name, name], 'kind: name is given twice'],
    ['a misspelt key', [['nam', 'n']], "kind has no key 'nam'; did you mean 'name'?"],
    ['an unknown key', [['qqqqqq', 'n']], "kind has no key 'qqqqqq'; --port kind,help lists its keys"],
    ['a key that every object has', [['toString', 'n']], "kind has no key 'toString'; --port kind,help lists its keys"],
  ])('with %s are refused', (_, pairs, message) => {
    expect(() => read(...pairs)).toThrow(expect.objectContaining({ code: 'EINVAL', message }));
  });
});

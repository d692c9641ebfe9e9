// Text of specs, addresses and logs: what is read, what is refused and with which sentence.
import { describe, expect, test } from 'vitest';
import { splitAtCommas, splitPair } from '../../src/protocol/comma-list.ts';
import { SwitchError } from '../../src/protocol/errors.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/protocol/ip.ts';
import { parseMac } from '../../src/protocol/mac.ts';
import { nearestName } from '../../src/protocol/nearest.ts';
import { parsePortSpec } from '../../src/protocol/port-spec.ts';
import { printable } from '../../src/protocol/printable.ts';
import { decodeWord, encodeWord } from '../../src/protocol/surrogate-escape.ts';

const refused = (message: string) => expect.objectContaining({ name: 'SwitchError', code: 'EINVAL', message });

test('an error has a sentence, a stable name and a code', () => {
  const error = new SwitchError('ENXIO', 'a sentence');
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('SwitchError: a sentence');
  expect(error.code).toBe('ENXIO');
});

describe('lists with commas', () => {
  test.each([
    ['', ['']],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    ['a,,b', ['a,b']],
    ['a,,,b', ['a,', 'b']],
    [',', ['', '']],
    [',a,', ['', 'a', '']],
    [',,', [',']],
    ['ab,,cd,ef', ['ab,cd', 'ef']],
  ])('`%s` is %j', (text, words) => {
    expect(splitAtCommas(text)).toEqual(words);
  });

  test.each([
    ['a=b', ['a', 'b']],
    ['a=b=c', ['a', 'b=c']],
    ['a=', ['a', '']],
    ['=b', ['', 'b']],
    ['ab', ['ab', undefined]],
    ['', ['', undefined]],
  ])('`%s` is the pair %j', (word, pair) => {
    expect(splitPair(word)).toEqual(pair);
  });
});

describe('specs', () => {
  test.each([
    ['tap', 'tap', [], false],
    ['type=tap', 'tap', [], false],
    ['tap,ifname=a,vlan=1', 'tap', [['ifname', 'a'], ['vlan', '1']], false], // biome-ignore format: a row a line
    ['tap,ifname=a=b', 'tap', [['ifname', 'a=b']], false],
    ['tap,help', 'tap', [], true],
    ['tap,?,ifname=a', 'tap', [['ifname', 'a']], true],
    ['help', 'help', [], true],
    ['?', '?', [], true],
    ['atype=tap', undefined, [], false],
    ['type=', undefined, [], false],
    ['', undefined, [], false],
  ] as const)('`%s`', (text, kind, pairs, help) => {
    if (kind === undefined)
      expect(() => parsePortSpec(text)).toThrow(refused(`'${text}' names no kind of port: write KIND,key=value,…`));
    else expect(parsePortSpec(text)).toEqual({ kind, pairs, help });
  });

  test.each([
    ['tap,', 'a port spec has nothing between two commas'],
    ['tap,ifname', "'ifname' has no value: write ifname=…"],
    ['tap,=a', "'=a' has no value: write =a=…"],
  ])('`%s` is refused', (text, sentence) => {
    expect(() => parsePortSpec(text)).toThrow(refused(sentence));
  });
});

describe('Internet addresses', () => {
  test.each([
    ['0.0.0.0', 0],
    ['1.2.3.4', 0x01020304],
    ['10.0.2.255', 0x0a0002ff],
    ['255.255.255.255', 0xffffffff],
  ])('%s is a number and back', (text, address) => {
    expect(parseIpv4(text)).toBe(address);
    expect(formatIpv4(address)).toBe(text);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.',
    '1.2.3.a',
    'a1.2.3.4',
    '1.2.3.4a',
    '1.2.3.0004',
    '-1.2.3.4',
  ])('`%s` is not an IPv4 address', (text) => expect(parseIpv4(text)).toBeUndefined());

  test.each([
    ['::', 0n, '::'],
    ['::1', 1n, '::1'],
    ['1::', 1n << 112n, '1::'],
    ['fec0::2', (0xfec0n << 112n) | 2n, 'fec0::2'],
    ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n, '1:2:3:4:5:6:7:8'],
    ['FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff', (1n << 128n) - 1n, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['::1.2.3.4', 0x01020304n, '::102:304'],
  ])('%s is a number and back', (text, address, canonical) => {
    expect(parseIpv6(text)).toBe(address);
    expect(formatIpv6(address)).toBe(canonical);
  });

  test.each(['', ':', '1', 'g::', '::1%lo', '::1]/x', '1:2:3:4:5:6:7:8:9', '::1\n', 'a]:1@[::1'])(
    '%j is not an IPv6 address',
    (text) => expect(parseIpv6(text)).toBeUndefined(),
  );
});

describe('MAC addresses', () => {
  test.each([
    ['2:0:0:0:0:a', '02:00:00:00:00:0a'],
    ['02.00.00.00.00.0A', '02:00:00:00:00:0a'],
    ['ff:FF:fF:Ff:ff:ff', 'ff:ff:ff:ff:ff:ff'],
  ])('%s is %s', (text, canonical) => {
    expect(parseMac(text)).toBe(canonical);
  });

  test.each([
    '',
    '1:2:3:4:5',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:',
    '1:2:3:4:5:g',
    '1:2:3:4:5:123',
    '1:2:3:4:5:6g',
    '1:2:3:4:5:g6',
  ])('`%s` is refused', (text) => {
    const sentence = `Invalid MAC Addr ${text}: give six bytes in hex, like 00:ff:11:22:33:44`;
    expect(() => parseMac(text)).toThrow(refused(sentence));
  });
});

describe('suggestions', () => {
  test.each([
    ['ifnam', 'ifname'],
    ['ifname', 'ifname'],
    ['fname', 'ifname'],
    ['ifnaame', 'ifname'],
    ['ifneam', 'ifname'],
    ['vlna', 'vlan'],
    ['vlan1', 'vlan'],
    ['vln', 'vlan'],
    ['vxxn', undefined],
    ['', undefined],
    ['i', 'id'],
    ['x', undefined],
    ['abcdefghi', 'abcdef'],
    ['abcdefghij', undefined],
  ])('`%s` suggests %s', (word, name) => {
    expect(nearestName(word, ['vlan', 'ifname', 'id', ...(word.startsWith('abc') ? ['abcdef'] : [])])).toBe(name);
  });

  test('none where there are no words', () => {
    expect(nearestName('a', [])).toBeUndefined();
  });

  test('the first of several that are equally near', () => {
    expect(nearestName('bat', ['cat', 'hat'])).toBe('cat');
  });
});

describe('printable text', () => {
  test('control characters are shown as numbers, and others as they are', () => {
    expect(printable('a\n\0\x1f\x7f\x80\x9f b')).toBe('a\\x0a\\x00\\x1f\\x7f\\x80\\x9f b');
    expect(printable('a\u202eb\u2066c\u2069\u061c\u200e\u2028')).toBe('a\\u202eb\\u2066c\\u2069\\u061c\\u200e\\u2028');
    expect(printable('~\xa0é💀\ufffd')).toBe('~\xa0é💀\ufffd');
  });
});

describe('words that are not UTF-8', () => {
  test.each([
    ['text', Buffer.from('plain é 💀'), 'plain é 💀'],
    ['bytes', Buffer.from('a\x7f\x80\xffb', 'latin1'), 'a\x7f\udc80\udcffb'],
    ['nothing', Buffer.alloc(0), ''],
  ])('%s survive', (_, bytes, word) => {
    expect(decodeWord(bytes)).toBe(word);
    expect(encodeWord(word)).toEqual(bytes);
  });

  test('text that was added to them is UTF-8', () => {
    expect(encodeWord('é\udce9💀')).toEqual(Buffer.concat([Buffer.from('é'), Buffer.of(0xe9), Buffer.from('💀')]));
  });
});

// Words and numbers of console lines.
import { describe, expect, test } from 'vitest';
import { parseFlag, parseLine, parseNumber, parseOptionalNumber, parseWords } from '../../src/console/parse.ts';

const refused = (message: string) => expect.objectContaining({ code: 'EINVAL', message });

describe('a line', () => {
  test.each([
    ['port/print', 'port/print', ''],
    ['port/print 3', 'port/print', '3'],
    [' \tport/print \t3  4 \t\r', 'port/print', '3  4'],
    ['a b\nc', 'a', 'b\nc'],
    ['load two words.rc', 'load', 'two words.rc'],
    ['a #b', 'a', '#b'],
  ])('%j is a command and an argument', (line, path, argument) => {
    expect(parseLine(line)).toEqual({ path, argument });
  });

  test.each(['', ' ', '\t\r', '#', '# port/print', '  #x'])('%j is nothing', (line) => {
    expect(parseLine(line)).toBeUndefined();
  });
});

describe('a number', () => {
  test.each([
    ['0', 0],
    ['12', 12],
    ['010', 10],
    ['-3', -3],
    ['0x1f', 31],
    ['0X1F', 31],
    ['-0x10', -16],
    [String(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
  ])('%s', (word, number) => {
    expect(parseNumber(word)).toBe(number);
    expect(parseOptionalNumber(word)).toBe(number);
  });

  test.each(['', ' 1', '1 ', 'x', '1x', 'x1', '1.5', '0x', '0xg', '--1', '+1', '1e3', '9007199254740992', '-'])(
    '%j is not a number',
    (word) => {
      expect(() => parseNumber(word)).toThrow(refused(`'${word}' is not a number`));
    },
  );

  test('may be missing where it is optional', () => {
    expect(() => parseNumber(undefined)).toThrow(refused("'' is not a number"));
    expect(parseOptionalNumber('')).toBeUndefined();
    expect(() => parseOptionalNumber('x')).toThrow(refused("'x' is not a number"));
  });
});

describe('words', () => {
  test('are separated by blanks and counted', () => {
    expect(parseWords('', 0)).toEqual([]);
    expect(parseWords('a', 1)).toEqual(['a']);
    expect(parseWords(' a \t b\t', 2)).toEqual(['a', 'b']);
    expect(() => parseWords('a b', 1)).toThrow(refused('expected 1 arguments, got 2'));
    expect(() => parseWords('a', 2)).toThrow(refused('expected 2 arguments, got 1'));
  });

  test.each([
    ['0', false],
    ['1', true],
    ['0x1', true],
  ])('the flag %s is %s', (word, flag) => {
    expect(parseFlag(word)).toBe(flag);
  });

  test.each([
    ['2', '2 is neither 0 nor 1'],
    ['-1', '-1 is neither 0 nor 1'],
    ['on', "'on' is not a number"],
    [undefined, "'' is not a number"],
  ])('the flag %s is refused', (word, message) => {
    expect(() => parseFlag(word)).toThrow(refused(message));
  });
});

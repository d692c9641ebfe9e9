// QEMU's network options as kinds and settings, and the numbers in them.
import { expect, test } from 'vitest';
import { numberSetting, parseNetOption } from '../../src/qemu/net-option.ts';

test('an option in JSON has the members that are neither objects nor lists', () => {
  const text = '{"type":"user","id":"u","restrict":true,"port":7,"dns":null,"hostfwd":[{"str":"tcp::1-:1"}]}';
  const settings = [
    ['id', 'u'],
    ['restrict', 'true'],
    ['port', '7'],
  ];
  expect(parseNetOption(text)).toEqual({ kind: 'user', settings });
});

test.each([
  ['0', 0],
  ['12', 12],
  ['010', 8],
  ['0x1F', 31],
  ['0X10', 16],
])('%s is the number %d', (text, number) => {
  expect(numberSetting({ settings: [['port', text]] }, 'port')).toBe(number);
});

test.each(['', '08', '078', 'x07', '07x', '0x', '0x1g', 'x0x1', '-1', '1.5', '1k'])('%j is not a number', (text) => {
  expect(() => numberSetting({ settings: [['port', text]] }, 'port')).toThrow(
    expect.objectContaining({ code: 'EINVAL', message: `port=${text} is not a number` }),
  );
});

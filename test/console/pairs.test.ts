import { expect, test } from 'vitest';
import { parsePairs } from '../../src/console/pairs.ts';

const KEYS = { file: true, port: true, filter: true } as const;

test.each([
  ['', {}],
  ['file=/tmp/x port=1,2', { file: '/tmp/x', port: '1,2' }],
  ['file="/tmp/a b" port=1', { file: '/tmp/a b', port: '1' }],
  ['file="a filter=b" filter=tcp port 80', { file: 'a filter=b', filter: 'tcp port 80' }],
  [String.raw`file="a\"b\\c"`, { file: String.raw`a"b\c` }],
  ["file=it's port=", { file: "it's", port: '' }],
  ['port=1  filter= "tcp" ', { port: '1', filter: ' "tcp"' }],
])('%s', (text, values) => {
  expect(parsePairs(text, KEYS, 'filter')).toEqual(values);
});

test.each([
  ['nonsense', "'nonsense' is not KEY=VALUE"],
  ['=1', "'=1' is not KEY=VALUE"],
  ['port=1 port=2', "'port' is given twice"],
  ['file="a b', "the value of 'file' is not enclosed in double quotes"],
  ['file="a"b', "the value of 'file' is not enclosed in double quotes"],
  ['prot=1', 'prot'],
])('%s is refused', (text, sentence) => {
  expect(() => parsePairs(text, KEYS, 'filter')).toThrow(sentence);
});

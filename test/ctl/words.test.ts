// Lines that are typed for tsvdectl: its own words, and commands of the console, which stay unchanged.
import { expect, test } from 'vitest';
import { nearestWord, parseTyped } from '../../src/ctl/words.ts';

test.each([
  'port/print',
  'port/print 3',
  ' port/create  5 ',
  'help port',
  'showinfo',
  'counters 3',
  'shutdown',
  'json port/print',
  'exit 3',
  '# ports',
  '',
  'portsx',
  'ports/print',
])("the console's command %j goes through unchanged", (line) => {
  expect(parseTyped(line)).toEqual({ kind: 'command', line });
});

test.each([
  ['exit', { kind: 'command', line: 'logout' }],
  [' quit ', { kind: 'command', line: 'logout' }],
  ['?', { kind: 'help', argument: '' }],
  ['? port', { kind: 'help', argument: 'port' }],
  ['?port', { kind: 'help', argument: 'port' }],
  ['ports', { kind: 'view', argument: '', json: false, watch: undefined }],
  ['ports --json', { json: true }],
  ['ports --watch', { watch: 1 }],
  ['port web --watch=0.5 --json', { argument: 'web', watch: 0.5, json: true }],
])('%j is a word of ours', (line, typed) => expect(parseTyped(line)).toMatchObject(typed));

test.each([
  ['ports --jsn', "ports has no option '--jsn': it takes --json and --watch[=SECONDS] (EINVAL)"],
  ['ports 3', "ports takes no argument: '3' (EINVAL)"],
  ['top', 'top is not a command of the console: run `tsvdectl top` in a shell (EINVAL)'],
  ['capture -p 3 tcp', 'capture is not a command of the console: run `tsvdectl capture` in a shell (EINVAL)'],
  ['events', 'events is not a command of the console: run `tsvdectl events` in a shell (EINVAL)'],
  ['wait port 3 up', 'wait is not a command of the console: run `tsvdectl wait` in a shell (EINVAL)'],
  ['expect icmp', 'expect is not a command of the console: run `tsvdectl expect` in a shell (EINVAL)'],
  ['ports --watch=0', "'0' is not an interval: give seconds, for example --watch=2 (EINVAL)"],
])('%j is refused', (line, message) => {
  expect(() => parseTyped(line)).toThrow(expect.objectContaining({ message, exitCode: 22 }));
});

test.each([
  ['prots', 'ports'],
  ['mac', 'macs'],
  ['vlan 3', 'vlans'],
  ['atachments', 'attachments'],
  ['evnets', 'events'],
  ['nonsense', undefined],
])('%s may mean %s', (line, word) => expect(nearestWord(line)).toBe(word));

import { expect, test } from 'vitest';
import { parseHttpAddress } from '../../src/http/address.ts';

test.each([
  ['9109', { kind: 'tcp', host: '127.0.0.1', port: 9109 }],
  ['0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
  ['0.0.0.0:9109', { kind: 'tcp', host: '0.0.0.0', port: 9109 }],
  ['localhost:65535', { kind: 'tcp', host: 'localhost', port: 65535 }],
  ['[::1]:9109', { kind: 'tcp', host: '::1', port: 9109 }],
  ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }],
  ['unix:/run/x', { kind: 'unix', path: '/run/x' }],
  ['unix:/run/x,mode=0666,group=adm', { kind: 'unix', path: '/run/x', mode: 0o666, group: 'adm' }],
  ['unix:/run/a,,b,mode=600', { kind: 'unix', path: '/run/a,b', mode: 0o600 }],
])('%s is an address', (text, address) => {
  expect(parseHttpAddress(text, 'metrics')).toEqual(address);
});

test.each(['', 'x', ':', 'host:', '65536', '-1', '1.5', '::1:9109', 'unix:', '[::1]', 'a:b:1', '0x10'])(
  "'%s' is refused with a sentence that gives the syntax",
  (text) => {
    expect(() => parseHttpAddress(text, 'metrics')).toThrow(/give \[HOST:\]PORT/);
  },
);

test.each([
  ['unix:/run/x,mode=9', 'mode=9 is not a mode: give three octal digits, as in 660'],
  ['unix:/run/x,mode=7777', 'is not a mode'],
  ['unix:/run/x,mode', 'is not a mode'],
  ['unix:/run/x,group=', 'group= needs the name of a group'],
  ['unix:/run/x,y', "'y' is not one of mode=OCTAL and group=NAME; a comma in the path is doubled"],
  ['unix:,mode=660', 'the path is missing'],
])("'%s' is refused: %s", (text, why) => {
  expect(() => parseHttpAddress(text, 'the page')).toThrow(`cannot serve the page on '${text}': `);
  expect(() => parseHttpAddress(text, 'the page')).toThrow(why);
});

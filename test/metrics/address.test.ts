import { expect, test } from 'vitest';
import { parseMetricsAddress } from '../../src/metrics/address.ts';

test.each([
  ['9109', { kind: 'tcp', host: '127.0.0.1', port: 9109 }],
  ['0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
  ['0.0.0.0:9109', { kind: 'tcp', host: '0.0.0.0', port: 9109 }],
  ['localhost:65535', { kind: 'tcp', host: 'localhost', port: 65535 }],
  ['[::1]:9109', { kind: 'tcp', host: '::1', port: 9109 }],
  ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }],
  ['unix:/run/x', { kind: 'unix', path: '/run/x' }],
])('%s is an address', (text, address) => {
  expect(parseMetricsAddress(text)).toEqual(address);
});

test.each(['', 'x', ':', 'host:', '65536', '-1', '1.5', '::1:9109', 'unix:', '[::1]', 'a:b:1', '0x10'])(
  "'%s' is refused with a sentence that gives the syntax",
  (text) => {
    expect(() => parseMetricsAddress(text)).toThrow(/give \[HOST:\]PORT/);
  },
);

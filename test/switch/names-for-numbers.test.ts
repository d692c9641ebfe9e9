// Methods of the library that take a port's number also take its name.
import { expect, test } from 'vitest';
import { Switch } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame } from '../support/network.ts';
import { until } from '../support/wait.ts';

function named(): Switch {
  const sw = new Switch({ fstp: true });
  atEnd(() => sw.close());
  sw.ports.create(4);
  sw.ports.setName(4, 'web');
  return sw;
}

test('a plug takes a port by its name', () => {
  const sw = named();
  const plug = sw.plug({ port: 'web' });
  expect(plug.port).toBe(4);
  expect(() => sw.plug({ port: 'db' })).toThrow("no port has the name 'db'");
});

test('the addresses of a port are forgotten by its name', async () => {
  const sw = named();
  const plug = sw.plug({ port: 'web' });
  sw.spanningTrees.switchOff();
  plug.send(frame(BROADCAST, '02:00:00:00:00:0a'));
  await until(() => sw.macs.stats().entries === 1, 'the address');
  expect(() => sw.macs.flush({ port: 'db' })).toThrow("no port has the name 'db'");
  expect(sw.macs.flush({ port: 'web' })).toBe(1);
});

test('spanning tree takes a port by its name', () => {
  const sw = named();
  sw.plug({ port: 'web' });
  sw.spanningTrees.setEdge(0, 'web', true);
  sw.spanningTrees.setBonus(0, 'web', 7);
  expect(sw.spanningTrees.view(0)).toMatchObject({ bonus: { port: 4, cost: 7 } });
  expect(() => sw.spanningTrees.setEdge(0, 'db', true)).toThrow("no port has the name 'db'");
  expect(() => sw.spanningTrees.setBonus(0, 'db', 1)).toThrow("no port has the name 'db'");
});

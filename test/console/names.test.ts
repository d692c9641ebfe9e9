// Names of ports on the console, in specs and in the library: wherever a port's number is accepted, so is its name.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { serveConsole } from '../support/console.ts';
import { network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const DATA = "0000 DATA END WITH '.'\n";
const OK = '1000 Success\n';
const INVALID = '1022 Invalid argument\n';

async function started() {
  const net = await network();
  return { ...net, client: await (await serveConsole(net)).connect() };
}

test('port/setname names a port and shows the name that it got', async () => {
  const { client, sw } = await started();
  for (const port of [3, 4]) sw.ports.create(port);
  expect(await client.ask('port/setname 3 web')).toBe(`${DATA}Port 0003 name=web\n.\n${OK}`);
  expect(await client.ask('port/setname 4 web')).toBe(`${DATA}Port 0004 name=web-1\n.\n${OK}`);
  expect(await client.ask('port/setname web-1')).toBe(`${DATA}Port 0004\n.\n${OK}`);
  expect(sw.ports.get('web')?.number).toBe(3);
  expect(sw.ports.get(4)?.name).toBeUndefined();
  expect(sw.ports.get('web-1')).toBeUndefined();
  for (const line of ['', '3 7up', '3 a b', '3 a\x1b[2J', 'web-1 x', '99 x']) {
    expect(await client.ask(`port/setname ${line}`), line).toBe(`${DATA}.\n${INVALID}`);
  }
  expect(await client.ask('port/setname 9 x')).toBe(`${DATA}.\n1006 No such device or address\n`);
});

test.each([
  'port/setvlan web 10',
  'port/allocatable web 1',
  'port/setuser web root',
  'port/setgroup web root',
  'port/resetcounter web',
  'port/print web',
  'port/allprint web',
  'vlan/addport 10 web',
  'vlan/delport 10 web',
  'fstp/setedge 10 web 1',
  'fstp/bonus 10 web 7',
  'hash/flush port web',
  'counters web',
  'iplog/ipport web',
  'port/epclose web 1',
  'port/setname web db',
])('%s takes the name of a port and refuses a name that no port has', async (line) => {
  const { client, join, sw } = await started();
  await join({ port: 3 });
  await client.ask('plugin/add iplog');
  for (const setup of ['vlan/create 10', 'port/setname 3 web']) expect(await client.ask(setup)).toContain('1000 ');
  expect(await client.ask(line)).toMatch(/1000 Success\n$/);
  expect(await client.ask(line.replace('web', 'wbe'))).toMatch(/1022 Invalid argument\n$/);
  await until(() => sw.ports.list().length === 1, 'one port');
});

test('port/remove and port/detach take names; detach prefers an id', async () => {
  const { client, sw } = await started();
  sw.ports.create(3);
  sw.ports.setName(3, 'web');
  expect(await client.ask('port/remove web')).toBe(OK);
  const home = temporaryDirectory();
  const listen = `stream,server=on,addr.type=unix,addr.path=${home}`;
  await sw.attach(
    `dgram,id=other,name=lab,local.type=unix,remote.type=unix,local.path=${home}/l,remote.path=${home}/r`,
  );
  await sw.attach(`${listen}/s,id=lab`);
  expect(await client.ask('port/detach lab')).toBe(OK);
  expect(sw.attachments().map(({ id }) => id)).toEqual(['other']);
  expect(await client.ask('port/detach lab')).toBe(OK);
  expect(sw.attachments()).toEqual([]);
  expect(await client.ask('port/detach lab')).toBe('1006 No such device or address\n');
});

test('name= names the ports of an attachment until it is detached, and switchport= takes a name', async () => {
  const { sw } = await started();
  sw.ports.create(5);
  sw.ports.setName(5, 'rack');
  const spec = (id: string) => {
    const path = `${temporaryDirectory()}/${id}`;
    return `dgram,id=${id},local.type=unix,remote.type=unix,local.path=${path},remote.path=${path}r`;
  };
  await sw.attach(`${spec('a')},name=uplink,switchport=rack`);
  await sw.attach(`${spec('b')},name=uplink`);
  expect(sw.ports.list().map(({ number, name }) => [number, name])).toEqual([
    [1, 'uplink-1'],
    [5, 'uplink'],
  ]);
  await sw.detach('a');
  expect(sw.ports.get(5)?.name).toBe('rack');
  await sw.detach('uplink-1');
  expect(sw.ports.get(1)?.name).toBeUndefined();
  await expect(sw.attach(`${spec('c')},switchport=nobody`)).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(sw.attach(`${spec('c')},name=7`)).rejects.toMatchObject({ code: 'EINVAL' });
});

test('a client names its port by its description while it is connected', async () => {
  const { client, join, sw } = await started();
  const web = await join({ description: 'tsvdeq name=web user=root pid=7' });
  await join({ description: 'tsvdeq name=web user=root pid=8' });
  sw.plug({ description: 'x' });
  expect(sw.ports.list().map(({ name }) => name)).toEqual(['web', 'web-1', undefined]);
  expect(await client.ask('port/setname 3 web')).toContain('Port 0003 name=web\n');
  expect(sw.ports.get(1)?.name).toBe('web-2');
  web.plug.close();
  await until(() => sw.ports.get(1)?.name === undefined, 'the end of the name');
});

test('an rc file names ports, and gives them the same names when it is run again', async () => {
  const { client, sw } = await started();
  const file = `${temporaryDirectory()}/rc`;
  writeFileSync(file, 'port/create 1\nport/create 2\nport/setname 1 web\nport/setname 2 web\nport/setvlan web 0\n');
  for (let i = 0; i < 2; i++) {
    await client.ask(`load ${file}`);
    expect(sw.ports.list().map(({ name }) => name)).toEqual(['web', 'web-1']);
  }
});

test('port/kinds shows the kinds, and the keys of one', async () => {
  const { client } = await started();
  expect(await client.ask('port/kinds')).toMatch(
    /\ntap +a TAP interface .*\n[\s\S]*\nvde +an uplink .*\nvhost-user +.*\n\.\n1000 Success\n$/,
  );
  expect(await client.ask('port/kinds tap')).toMatch(/\nvnet_hdr= +.* \(on or off\)\n[\s\S]*\nname= +/);
  expect(await client.ask('port/kinds tab')).toBe(`${DATA}.\n${INVALID}`);
  expect(JSON.parse((await client.ask('json port/kinds vde')).split('\n')[1]!).data[0]).toEqual({
    key: 'sock',
    value: 'a path',
    help: "the other switch's control directory",
    required: true,
    repeatable: false,
  });
});

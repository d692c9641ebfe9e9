// Replies as JSON: every command gives one line with the data of its text.
import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { createContext } from '../../src/console/context.ts';
import { menus } from '../../src/console/menus.ts';
import { type ConsoleClient, serveConsole } from '../support/console.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

interface Json {
  code: number;
  errno: string | null;
  message: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into the parsed JSON
  data: any;
}

async function askJson(client: ConsoleClient, line: string): Promise<Json> {
  const reply = await client.ask(`json ${line}`);
  const [, json, code] = /^0000 DATA END WITH '\.'\n(.*)\n\.\n(\d{4}) .*\n$/.exec(reply) ?? [];
  if (json === undefined) throw new Error(`no JSON of ${line}: ${reply}`);
  const parsed = JSON.parse(json) as Json;
  expect(String(parsed.code)).toBe(code);
  return parsed;
}

async function started() {
  const net = await network();
  return { net, client: await (await serveConsole(net)).connect() };
}

/** Arguments of some commands. Other commands that need an argument reply with an error, which is JSON too. */
const ARGUMENTS: Record<string, string> = {
  load: '/dev/null',
  'debug/add': 'port',
  'debug/del': 'port',
  'plugin/add': 'dump',
  'hash/find': '02:00:00:00:00:0a',
  'pdump/active': '7',
  'events/stream': 'nonsense', // without an invalid argument the session would end
  'capture/stream': 'nonsense', // without an invalid argument the session would end
};

test('every command has a JSON reply with the same members', async () => {
  const { net, client } = await started();
  for (const name of ['dump', 'pdump', 'iplog']) await client.ask(`plugin/add ${name}`);
  const context = createContext({
    switch: net.sw,
    version: '0',
    log: () => {},
    shutdown: () => {},
  });
  for (const name of ['dump', 'pdump', 'iplog']) context.plugins.add(name, context);
  const paths = context.menus.flatMap(({ commands }) => commands.map(({ path }) => path));
  expect(paths.length).toBeGreaterThan(60);
  for (const path of paths.filter((path) => !['logout', 'shutdown', 'pdump/active', 'plugin/del'].includes(path))) {
    const reply = await askJson(client, `${path} ${ARGUMENTS[path] ?? ''}`);
    expect(Object.keys(reply), path).toEqual(['code', 'errno', 'message', 'data']);
    expect(reply.code === 1000, path).toBe(reply.errno === null);
    for (const item of [reply.data].flat()) expect(typeof item, path).toBe('object');
  }
  context.plugins.close();
});

test.each(['logout', 'shutdown'])('%s has a JSON reply before the session ends', async (command) => {
  const { client } = await started();
  client.socket.write(`json ${command}\n`);
  await until(() => client.ended, 'the end of the session');
  const json = '{"code":9999,"errno":null,"message":"END OF SESSION","data":null}';
  expect(client.take()).toBe(`0000 DATA END WITH '.'\n${json}\n.\n9999 END OF SESSION`);
});

test('an error has its errno name and a sentence', async () => {
  const { client } = await started();
  await client.ask('port/create 3');
  expect(await askJson(client, 'port/create 3')).toEqual({
    code: 1017,
    errno: 'EEXIST',
    message: 'port 3 exists already',
    data: null,
  });
  expect(await askJson(client, 'port/print 9')).toMatchObject({ code: 1006, errno: 'ENXIO', data: [] });
  expect(await askJson(client, 'hash/find 2:2:2:2:2:2')).toMatchObject({ code: 1019, errno: 'ENODEV', data: null });
  expect(await askJson(client, 'plugin/list x')).toMatchObject({ code: 1002, errno: 'ENOENT', data: [] });
  expect(await askJson(client, 'nonsense')).toMatchObject({ code: 1038, errno: 'ENOSYS', data: null });
  expect(await askJson(client, '')).toMatchObject({ code: 1022, errno: 'EINVAL' });
});

test('JSON shows ports with users, endpoints and frames, MAC addresses, VLANs and counters', async () => {
  const { net, client } = await started();
  const a = await net.join({ port: 3, description: 'a "guest"\n.\n1000 Success\x9b\x7f' });
  const b = await net.join({ port: 4, description: 'b' });
  for (const line of ['vlan/create 10', 'vlan/addport 10 4', 'port/setgroup 3 root']) await client.ask(line);
  const sent = frame(BROADCAST, '02:00:00:00:00:0a', 100);
  a.send(sent);
  await b.receives(sent);
  const { data } = await askJson(client, 'port/print');
  expect(data[0]).toEqual({
    port: 3,
    untaggedVlan: 0,
    active: true,
    allocatable: true,
    currentUser: userInfo().username,
    group: 'root',
    received: { frames: 1, bytes: 100 },
    sent: { frames: 0, bytes: 0 },
    endpoints: [
      {
        id: expect.any(Number),
        kind: 'vde',
        description: expect.stringMatching(/^a "guest"\n\.\n1000 Success\x9b\x7f/),
      },
    ],
  });
  expect(data[1]).toMatchObject({ port: 4, sent: { frames: 1, bytes: 100 } });
  expect(await askJson(client, 'hash/print')).toMatchObject({
    data: [{ mac: '02:00:00:00:00:0a', vlan: 0, port: 3, ageSeconds: 0, bucket: expect.any(Number) }],
  });
  expect(await askJson(client, 'vlan/print 10')).toMatchObject({
    data: [{ vlan: 10, ports: [{ port: 4, tagged: true, active: true, state: 'forwarding' }] }],
  });
  const [counters] = (await askJson(client, 'counters 3')).data;
  expect(counters).toMatchObject({ port: 3, receiveBroadcast: 1, receiveBytes: 100, queueFrames: 0 });
});

test.each([
  [{}, 'ctl'],
  [{ name: 'lab' }, 'lab'],
])('showinfo with %o has the name %s', async (options, name) => {
  const client = await (await serveConsole(await network(options))).connect();
  expect((await askJson(client, 'showinfo')).data.name).toBe(name);
});

test('JSON contains no raw control character of a description', async () => {
  const { net, client } = await started();
  await net.join({ description: '\x1b]0;title\x07\x9b31m\x7f' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for these characters
  expect(await client.ask('json port/print')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test('the JSON of load has each line with its reply', async () => {
  const { client } = await started();
  const file = `${temporaryDirectory()}/script`;
  writeFileSync(file, '# ports\nport/create 3\nport/create 3\njson port/showinfo\n');
  const { code, data } = await askJson(client, `load ${file}`);
  expect(code).toBe(1000);
  expect(data).toEqual([
    { line: '# ports' },
    { line: 'port/create 3', code: 1000, errno: null, message: 'Success', data: null },
    { line: 'port/create 3', code: 1017, errno: 'EEXIST', message: 'port 3 exists already', data: null },
    {
      line: 'json port/showinfo',
      code: 1000,
      errno: null,
      message: 'Success',
      data: expect.objectContaining({ code: 1000 }),
    },
  ]);
});

test('json needs one command and cannot be repeated', async () => {
  const { client } = await started();
  for (const line of ['', '# nothing', 'json port/print'])
    expect(await askJson(client, line)).toMatchObject({ code: 1022, errno: 'EINVAL', data: null });
});

test('the manual page names each command with data, and each member of its JSON', async () => {
  const page = readFileSync(new URL('../../man/tsvdectl.1', import.meta.url), 'utf8');
  const { net, client } = await started();
  await net.join({ port: 3 });
  await client.ask('port/setuser 3 root');
  await client.ask('port/setgroup 3 root');
  const named = (word: string) => new RegExp(`[ .]${word}( |\\.|$)`, 'm').test(page);
  const shown = menus.flatMap(({ commands }) => commands).filter((command) => 'print' in command || 'show' in command);
  expect(shown.length).toBeGreaterThan(18);
  for (const { path } of shown) {
    expect(named(path), path).toBe(true);
    const { data } = await askJson(client, path);
    for (const member of membersOf(data)) expect(named(member), `${member} of ${path}`).toBe(true);
  }
});

/** Returns the names of all members, nested ones included. The members of drops are reasons and are left out. */
function membersOf(data: unknown): string[] {
  if (typeof data !== 'object' || data === null) return [];
  if (Array.isArray(data)) return data.flatMap(membersOf);
  return Object.entries(data).flatMap(([name, value]) => [name, ...(/Drops$/.test(name) ? [] : membersOf(value))]);
}

test('every command that prints has structured data, except user/info with the table of another program', () => {
  const printing = menus.flatMap(({ commands }) => commands).filter((command) => 'print' in command);
  const lines = printing.filter((command) => !('format' in command));
  expect(lines.map(({ path }) => path)).toEqual(['user/info']);
});

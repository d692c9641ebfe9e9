// Completion at tsvdectl's prompt, on tsvde's console and on a console without JSON.
import { expect, test } from 'vitest';
import { complete, isUnfinished } from '../../src/ctl/completion.ts';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { WORDS } from '../../src/ctl/words.ts';
import { atEnd } from '../support/at-end.ts';
import { serveConsole } from '../support/console.ts';
import { network } from '../support/network.ts';

async function lab() {
  const net = await network();
  for (const port of [3, 17]) net.sw.ports.create(port);
  net.sw.ports.setName(17, 'web');
  net.sw.vlans.create(10);
  const client = await ConsoleClient.connect((await serveConsole(net)).path);
  atEnd(() => client.close());
  return (line: string) => complete(line, (command) => client.ask(command), WORDS);
}

test.each([
  ['por', expect.arrayContaining(['ports', 'port', 'port/print'])],
  ['vlan/ad', ['vlan/addport']],
  ['vlan/addport ', ['0', '10']],
  ['vlan/addport 10 ', ['3', '17', 'web']],
  ['port/setvlan w', ['web']],
  ['port/setname 3 ', []],
  ['port w', ['web']],
  ['port/detach w', ['web']],
  ['json port/print w', ['web']],
  ['json por', expect.not.arrayContaining(['ports'])],
  ['port/attach ', ['tap,', 'socket,', 'stream,', 'dgram,', 'user,', 'vde,', 'vhost-user,']],
  ['port/attach t', ['tap,']],
  ['port/kinds t', ['tap']],
  ['port/attach tap,ifn', ['tap,ifname=']],
  ['port/attach tap,ifname=a,vn', ['tap,ifname=a,vnet_hdr=']],
  ['port/attach tap,vnet_hdr=', ['tap,vnet_hdr=on', 'tap,vnet_hdr=off']],
  ['port/attach tap,vnet_hdr=on,switchport=', ['3', '17', 'web'].map((port) => `tap,vnet_hdr=on,switchport=${port}`)],
  ['port/attach stream,addr.type=', ['stream,addr.type=inet', 'stream,addr.type=unix']],
  ['port/attach tap,ifname=', []],
  ['port/setnumports ', []],
  ['port/attach tab,', []],
])('%j', async (line, words) => {
  expect((await (await lab())(line))[0]).toEqual(words);
});

test('a word that may continue is not followed by a space', () => {
  expect(['tap,', 'tap,ifname=', 'tap,vnet_hdr=on', 'ports'].map(isUnfinished)).toEqual([true, true, false, false]);
});

test('a console without JSON completes numbers', async () => {
  const replies: Record<string, string[]> = {
    help: ['------------', 'port/print         [N]             show'],
    'port/allprint': ['Port 0003 untagged_vlan=0000'],
  };
  const ask = async (line: string) => ({
    errno: replies[line] ? 0 : 38,
    words: '',
    lines: replies[line] ?? [],
    ended: false,
  });
  expect(await complete('port/print ', ask)).toEqual([['3'], '']);
});

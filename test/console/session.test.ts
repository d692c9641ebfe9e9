// Console sessions: lines that arrive together, split, unterminated, too long or binary; many and silent clients.

import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createContext } from '../../src/console/context.ts';
import { ConsoleServer } from '../../src/console/server.ts';
import { runOnStandardStreams } from '../../src/console/session.ts';
import { atEnd } from '../support/at-end.ts';
import { ConsoleClient, serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { run, start } from '../support/process.ts';
import { staleSocket } from '../support/stale-socket.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const OK = '1000 Success\n';
const EXISTS = '1017 File exists\n';
const UNKNOWN = '1038 Function not implemented\n';
const FAILED = '1005 Input/output error\n';
const TOO_LONG = '1022 Invalid argument\n';

test('each line of one write is answered', async () => {
  const client = await (await serveConsole(await network())).connect();
  client.socket.write('port/create 5\nport/create 6\nport/create 5\n');
  expect(await client.replies(3)).toBe(`${OK}\nvde$ ${OK}\nvde$ ${EXISTS}`);
});

test('a command in several segments is answered once', async () => {
  const client = await (await serveConsole(await network())).connect();
  for (const part of ['port/', 'create', ' 5', '\n']) {
    await new Promise((resolve) => client.socket.write(part, resolve));
  }
  expect(await client.replies(1)).toBe(OK);
});

test('a command without a newline, as vdeterm sends it, is answered', async () => {
  const client = await (await serveConsole(await network())).connect();
  client.socket.write('port/create 5');
  expect(await client.replies(1)).toBe(OK);
  client.socket.write('port/create 5');
  expect(await client.replies(1)).toBe(EXISTS);
});

test('commands are answered before the end when the client closes its side', async () => {
  const client = await (await serveConsole(await network())).connect();
  client.socket.end('port/create 5\nport/create 5');
  await once(client.socket, 'close');
  expect(client.take()).toBe(`${OK}\nvde$ ${EXISTS}\nvde$ `);
});

test('commands of a client that closes at once are executed, with or without a newline', async () => {
  const net = await network();
  const { path } = await serveConsole(net);
  for (const [i, text] of ['port/create 1', 'port/create 2\nport/create 3'].entries()) {
    const socket = connect(path);
    socket.write(text, () => socket.destroy());
    await until(() => net.sw.ports.get(i === 0 ? 1 : 3), text);
  }
});

test.each([127, 128, 129, 4095, 4096])('a line of %i bytes is accepted', async (length) => {
  const client = await (await serveConsole(await network())).connect();
  client.socket.write(`${'port/create 5'.padEnd(length)}\nport/create 5\n`);
  expect(await client.replies(2)).toBe(`${OK}\nvde$ ${EXISTS}`);
});

test.each([4097, 5000, 200_000])(
  'a line of %i bytes is refused once, and the next line is answered',
  async (length) => {
    const client = await (await serveConsole(await network())).connect();
    client.socket.write(`${'x'.repeat(length)}\nport/create 5\n`);
    expect(await client.replies(2)).toBe(`${TOO_LONG}\nvde$ ${OK}`);
  },
);

/** The console of a switch on two streams, with timers that the test advances. */
async function onStreams() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { sw } = await network();
  const context = createContext({ switch: sw, version: '0', log: () => {}, shutdown: () => {} });
  const [input, output] = [new PassThrough(), new PassThrough()];
  const done = runOnStandardStreams(context, input, output);
  let shown = '';
  output.on('data', (chunk) => {
    shown += chunk;
  });
  const reply = async () => String((await once(output, 'data'))[0]);
  return { input, reply, done, shown: () => shown };
}

test('an over-long line without a newline ends after a silence, and the next command is answered', async () => {
  const { input, reply, shown } = await onStreams();
  for (let i = 0; i < 2; i++) {
    input.write('x'.repeat(5000));
    expect(await reply()).toContain(TOO_LONG);
    await vi.advanceTimersByTimeAsync(40);
    input.write('port/showinfo\n');
    expect(await reply()).toContain(OK);
  }
  expect(shown()).not.toContain(UNKNOWN);
});

test('the rest of an over-long line is skipped if it follows within the silence', async () => {
  const { input, reply } = await onStreams();
  input.write('x'.repeat(5000));
  expect(await reply()).toContain(TOO_LONG);
  for (let i = 0; i < 3; i++) {
    await vi.advanceTimersByTimeAsync(39);
    input.write('port/create 5 ');
    await vi.advanceTimersByTimeAsync(0);
  }
  input.write('\nport/create 5\n');
  expect(await reply()).toBe(`${OK}\nvde$ `);
});

test('an over-long line at the end of the input is refused once', async () => {
  const { input, done, shown } = await onStreams();
  input.end('x'.repeat(5000));
  await done;
  expect(shown()).toBe(`${TOO_LONG}\nvde$ `);
});

test('binary input is answered, and the session continues', async () => {
  const net = await network();
  const client = await (await serveConsole(net)).connect();
  const bytes = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) % 256).filter((byte) => byte !== 10));
  client.socket.write(Buffer.concat([bytes, Buffer.from('\n')]));
  expect(await client.replies(1)).toBe(UNKNOWN);
  expect(await client.ask('port/create 1')).toBe(OK);
});

test('a hundred silent connections do not delay another client', async () => {
  const served = await serveConsole(await network());
  await Promise.all(Array.from({ length: 100 }, () => served.connect()));
  expect(await (await served.connect()).ask('port/create 1')).toBe(OK);
});

test('a client that reads late gets every reply', async () => {
  const served = await serveConsole(await network());
  const client = await served.connect();
  client.socket.pause();
  const count = 400;
  client.socket.write('help\n'.repeat(count));
  expect(await (await served.connect()).ask('port/create 1')).toBe(OK);
  client.socket.resume();
  expect((await client.replies(count)).match(/1000 Success/g)).toHaveLength(count);
});

test('a client that closes in the middle of a reply does not disturb others', async () => {
  const served = await serveConsole(await network());
  for (let i = 0; i < 20; i++) {
    const client = await served.connect();
    client.socket.write('help\n'.repeat(50));
    client.socket.destroy();
  }
  expect(await (await served.connect()).ask('port/create 1')).toBe(OK);
});

test.each(['logout', 'shutdown'])('%s answers 9999 and ends the session', async (command) => {
  const served = await serveConsole(await network());
  const client = await served.connect();
  client.socket.write(`${command}\n`);
  await once(client.socket, 'close');
  expect(client.take()).toBe('9999 END OF SESSION');
  expect(served.shutdowns()).toBe(command === 'shutdown' ? 1 : 0);
});

test('the socket has its mode, replaces no socket in use and no file, and is removed at the end', async () => {
  const { sw } = await network();
  const context = createContext({
    switch: sw,
    version: '0',
    log: () => {},
    shutdown: () => {},
  });
  const path = `${temporaryDirectory()}/mgmt`;
  const first = new ConsoleServer(context);
  (await first.prepare({ path, mode: 0o620 }))();
  await first.serve();
  expect(statSync(path).mode & 0o777).toBe(0o620);
  await expect(new ConsoleServer(context).prepare({ path, mode: 0o600 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await first.close();
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  writeFileSync(path, 'somebody wrote this');
  await expect(new ConsoleServer(context).prepare({ path, mode: 0o600 })).rejects.toThrow(
    /is in the way and is not a socket/,
  );
  expect(statSync(path).size).toBe(19);
  const long = `${temporaryDirectory()}/${'x'.repeat(100)}`;
  await expect(new ConsoleServer(context).prepare({ path: long, mode: 0o600 })).rejects.toMatchObject({
    code: 'ENAMETOOLONG',
  });
});

test('the socket that a killed process left is replaced, and serves', async () => {
  const net = await network();
  const path = `${temporaryDirectory()}/mgmt`;
  staleSocket(path);
  expect(statSync(path).isSocket()).toBe(true);
  const server = new ConsoleServer(createContext({ switch: net.sw, version: '0', log: () => {}, shutdown: () => {} }));
  atEnd(() => server.close());
  (await server.prepare({ path, mode: 0o640 }))();
  await server.serve();
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(await (await ConsoleClient.connect(path)).ask('port/create 5')).toBe(OK);
  expect(net.sw.ports.get(5)).toBeDefined();
  await server.close();
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
});

test('standard output on a pipe has no greeting, and each reply is followed by the prompt', async () => {
  const { sw } = await network();
  const [input, output] = [new PassThrough(), new PassThrough()];
  let said = '';
  output.on('data', (chunk) => {
    said += chunk;
  });
  const ended = runOnStandardStreams(
    createContext({
      switch: sw,
      version: '0',
      log: () => {},
      shutdown: () => {},
    }),
    input,
    output,
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(said).toBe('');
  input.write('port/create 5\nlogout\n');
  await until(() => said.includes(OK), 'the reply');
  input.end();
  await ended;
  expect(said).toBe(`${OK}\nvde$ \nvde$ `);
});

test('an unexpected exception gives a reply and a log line, and the session continues', async () => {
  const net = await network();
  const { log, connect } = await serveConsole(net);
  const client = await connect();
  const spy = vi.spyOn(net.sw.ports, 'list').mockImplementation(() => {
    throw new TypeError('a defect\x1b of ours');
  });
  const script = `${temporaryDirectory()}/script`;
  writeFileSync(script, 'port/print\nport/create 4\n');
  expect(await client.ask('port/print')).toBe(FAILED);
  expect(await client.ask(`load ${script}`)).toContain(`port/print\n${FAILED}vde[${script}]: port/create 4\n${OK}`);
  expect(await client.ask('json port/print')).toContain('"code":1005,"errno":"EIO"');
  expect(log[0]).toMatch(/^'port\/print' failed: TypeError: a defect\\x1b of ours at .*session\.test\.ts/);
  spy.mockRestore();
  expect(await client.ask('port/create 5')).toBe(OK);
});

test('the commands of a client that has gone are executed, but those that only show something are skipped', async () => {
  const { sw, ...net } = await network();
  const { path } = await serveConsole({ sw, ...net });
  const list = sw.ports.list.bind(sw.ports);
  const exists = (wanted: number) => list().some(({ number }) => number === wanted);
  let shown = 0;
  sw.ports.list = () => {
    shown++;
    return list();
  };
  const socket = connect(path).pause();
  socket.write(`port/create 6\n${'port/print\n'.repeat(5000)}port/setname 6 last\n`);
  await until(() => exists(6), 'the first command');
  socket.destroy();
  await until(() => list().some(({ name }) => name === 'last'), 'the last command, which also shows something');
  expect(shown).toBeLessThan(4000);
});

describeWith(['unixterm', 'unixcmd', 'vdeterm', 'python3'], "Debian's console clients", () => {
  test('unixterm shows a reply and the prompt', async () => {
    const served = await serveConsole(await network());
    const term = start('unixterm', [served.path]);
    await term.output(/vde\$ $/);
    term.stdin.write('port/showinfo\n');
    await term.output(/Numports=32\nHUB=false\n.*\n\.\n1000 Success\n\nvde\$ $/);
  });

  test('unixcmd prints the data of a reply', async () => {
    const served = await serveConsole(await network());
    // Debian's script has a word that its unixcmd does not know: the data is printed and the exit code means nothing.
    const { stdout } = await run('unixcmd', ['-s', served.path, '-f', '/etc/vde2/vdecmd', 'port/showinfo']);
    expect(stdout).toContain('Numports=32');
  });

  test('vdeterm on a terminal hides the codes', async () => {
    const served = await serveConsole(await network());
    const term = start('python3', ['-c', "import pty, sys; pty.spawn(['vdeterm', sys.argv[1]])", served.path]);
    await term.output(/vde(\[.*\])?[$:] /);
    term.stdin.write('port/create 5\n');
    await term.output(/Success/);
    term.stdin.write('port/allprint\n');
    await term.output(/Port 0005 untagged_vlan=0000 INACTIVE/);
    expect(term.stdout()).not.toContain('1000 Success');
  });
});

test('a server that closes ends its sessions', async () => {
  const { sw } = await network();
  const path = `${temporaryDirectory()}/mgmt`;
  const server = new ConsoleServer(
    createContext({
      switch: sw,
      version: '0',
      log: () => {},
      shutdown: () => {},
    }),
  );
  (await server.prepare({ path, mode: 0o600 }))();
  await server.serve();
  const client = connect(path);
  await once(client, 'data');
  const ended = once(client, 'close');
  await server.close();
  await ended;
});

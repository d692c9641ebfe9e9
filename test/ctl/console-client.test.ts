// A client whose console is slow, closes or is not a console: each failure is one sentence, and every wait has an end.

import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ConsoleClient } from '../../src/ctl/console-client.ts';
import { atEnd } from '../support/at-end.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const GREETING = 'VDE switch V.2.3.3+tsvde.0\n\nvde$ ';

async function served(serve: (socket: Socket) => void): Promise<string> {
  const path = `${temporaryDirectory()}/s`;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

/** A console that greets and runs `answer` for each command. */
const console = (answer: (socket: Socket) => void, greeting = GREETING) =>
  served((socket) => {
    socket.write(greeting);
    socket.on('data', () => answer(socket));
  });

test.each([
  ['says nothing', (_: Socket) => {}, /has said nothing for 0\.2 seconds: is it the management socket/],
  ['closes at once', (socket: Socket) => void socket.end(), /has closed the connection: is it/],
  [
    'sends other text than a console',
    (socket: Socket) => void socket.write('HTTP/1.1 400\r\n'.repeat(500)),
    /is not a console: no prompt in 4096 characters/,
  ],
])('connecting to a peer that %s is refused with a sentence', async (_, serve, message) => {
  const path = await served(serve);
  await expect(ConsoleClient.connect(path, { timeoutSeconds: 0.2 })).rejects.toMatchObject({
    exitCode: 255,
    message: expect.stringMatching(message),
  });
});

test.each([
  ['never answers', (_: Socket) => {}, /has said nothing for 0\.2 seconds$/],
  ['closes instead of answering', (socket: Socket) => void socket.end('1000 Succ'), /has closed the connection$/],
  [
    'stops in the middle of data',
    (socket: Socket) => void socket.write("0000 DATA END WITH '.'\nx\n"),
    /has said nothing/,
  ],
])('a command to a console that %s fails with a sentence', async (_, answer, message) => {
  const client = await ConsoleClient.connect(await console(answer), { timeoutSeconds: 0.2 });
  const failure = { exitCode: 255, message: expect.stringMatching(message) };
  await expect(client.ask('port/print')).rejects.toMatchObject(failure);
  expect(await client.ended).toMatchObject(failure);
  await expect(client.ask('port/print')).rejects.toMatchObject({ message: expect.stringMatching(/has ended$/) });
});

test('silence between commands and a slow reply that continues are not failures', async () => {
  const path = await console((socket) => {
    socket.write("0000 DATA END WITH '.'\n");
    const lines = [...Array(8).keys()];
    const timer = setInterval(() => {
      const line = lines.shift();
      socket.write(line === undefined ? '.\n1000 Success\n\nvde$ ' : `${line}\n`);
      if (line === undefined) clearInterval(timer);
    }, 150);
  });
  const client = await ConsoleClient.connect(path, { timeoutSeconds: 1 });
  await new Promise((resolve) => setTimeout(resolve, 1200)); // longer than the time limit
  expect((await client.ask('slow')).lines).toHaveLength(8);
  client.close();
});

test('commands asked together are answered in order', async () => {
  const path = await served((socket) => {
    socket.write(GREETING);
    socket.on('data', (line) =>
      socket.write(`0000 DATA END WITH '.'\n${String(line).trim()}\n.\n1000 Success\n\nvde$ `),
    );
  });
  const client = await ConsoleClient.connect(path);
  const replies = await Promise.all(['a', 'b', 'c'].map((line) => client.ask(line)));
  expect(replies.map(({ lines }) => lines)).toEqual([['a'], ['b'], ['c']]);
  client.close();
});

test('the reply to `explain 1` is discarded, and not taken for that of a command', async () => {
  const path = await served((socket) => {
    socket.write(GREETING);
    socket.on('data', (text) => {
      // Older versions do not know `explain`.
      for (const line of String(text).split('\n').slice(0, -1))
        socket.write(`${line === 'explain 1' ? '1038 Function not implemented' : `1000 ${line}`}\n\nvde$ `);
    });
  });
  const client = await ConsoleClient.connect(path);
  client.explain();
  expect(await client.ask('first')).toMatchObject({ errno: 0, words: 'first' });
  expect(await client.ask('second')).toMatchObject({ errno: 0, words: 'second' });
  client.close();
});

test('two commands in one, or more bytes than vde_switch reads at once, are not sent', async () => {
  const old = await ConsoleClient.connect(await console(() => {}, 'VDE switch V.2.3.2\n\nvde$ '));
  await expect(old.ask('a\nb')).rejects.toThrow('a command must be a single line');
  await expect(old.ask('x'.repeat(128))).rejects.toThrow(
    'the command has 128 bytes, and this console takes at most 127',
  );
  old.close();
});

test('a path that is not a socket or does not exist is refused', async () => {
  const home = temporaryDirectory();
  writeFileSync(`${home}/file`, '');
  await expect(ConsoleClient.connect(`${home}/file`)).rejects.toThrow(
    `cannot connect to '${home}/file': it is not a socket`,
  );
  await expect(ConsoleClient.connect(home)).rejects.toThrow(
    'it is not a socket; the management socket is what --mgmt names',
  );
  await expect(ConsoleClient.connect(`${home}/none`)).rejects.toThrow('no such file or directory');
});

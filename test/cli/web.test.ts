// --web: which addresses serve the page, what the log says, and which requests are answered.
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { run, tsvde, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

async function ask(options: { host?: string; port?: number; socketPath?: string; path: string; headers?: object }) {
  const [response] = (await once(get(options as never), 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

test('one address serves metrics and the page; showinfo shows both', async () => {
  const home = temporaryDirectory();
  const { started } = await startTsvde(['--metrics', '0', '--web', '0', '-M', `${home}/mgmt`], { cwd: home });
  const [, metrics] = await started.output(/serving metrics on (http:\S+)/);
  const [, web] = await started.output(/serving the page on (http:\S+)/);
  expect(metrics).toBe(`${web}metrics`);
  expect(await (await fetch(metrics!)).text()).toContain('tsvde_build_info');
  expect(await (await fetch(web!)).text()).toContain('<title>tsvde</title>');
  const { stdout } = await run(tsvdectl, ['-M', `${home}/mgmt`, '--json', 'showinfo']);
  expect(JSON.parse(stdout).data).toMatchObject({ metrics, web });
  expect(started.stderr()).not.toContain('other hosts');
});

test('the page has an address of its own, without metrics', async () => {
  const { started } = await startTsvde(['--web', '0']);
  const [, web] = await started.output(/serving the page on (http:\S+)/);
  expect((await fetch(`${web}metrics`)).status).toBe(404);
  expect((await fetch(web!)).status).toBe(200);
});

test('beyond loopback the log warns, and only allowed names are answered', async () => {
  const { started } = await startTsvde(['--web', '0.0.0.0:0', '--web-host', 'lab.example', '--log-format', 'json']);
  const [, port] = await started.output(/serving the page on http:\/\/0\.0\.0\.0:(\d+)\//);
  const [line] = await started.output(/.*other hosts can read the page, without a password.*/);
  expect(JSON.parse(line!)).toMatchObject({ level: 'warning' });
  const as = async (host: string) =>
    (await ask({ host: '127.0.0.1', port: Number(port), path: '/', headers: { host } })).status;
  expect(await as('lab.example')).toBe(200);
  expect(await as(`localhost:${port}`)).toBe(200);
  expect(await as('evil.example')).toBe(421);
});

test('a unix socket has the mode and group that its address names, and is removed at the end', async () => {
  const home = temporaryDirectory();
  const gid = process.getegid!();
  const { started } = await startTsvde(['--web', `unix:${home}/web,mode=0606,group=${gid}`]);
  await started.output(/serving the page on unix:/);
  const { mode, gid: group } = statSync(`${home}/web`);
  expect([mode & 0o777, group]).toEqual([0o606, gid]);
  expect(await ask({ socketPath: `${home}/web`, path: '/', headers: { host: 'localhost:8080' } })).toMatchObject({
    status: 200,
  });
  await started.stop();
  expect(statSync(`${home}/web`, { throwIfNoEntry: false })).toBeUndefined();
});

test('an open page does not delay the end of the switch', async () => {
  const { started } = await startTsvde(['--web', '0']);
  const [, web] = await started.output(/serving the page on (http:\S+)/);
  const [stream] = (await once(get(`${web}live`), 'response')) as [IncomingMessage];
  stream.on('error', () => {});
  await once(stream, 'data');
  started.signal('SIGTERM');
  expect(await started.exited).toEqual({ code: 0, signal: null });
});

test.each([
  [['--web', 'here'], "cannot serve the page on 'here': give [HOST:]PORT, [IPV6]:PORT or unix:PATH"],
  [['--web', 'unix:/x,group=no-such-group'], "there is no group 'no-such-group'"],
  [['--web-host', 'lab.example'], '--web-host names hosts of the page: give --web, too'],
  [['--web', '0', '--web-host', 'a:80'], "'a:80' is not a host name: give a name without a port"],
])('%j is refused with a sentence', async (args, sentence) => {
  const { code, stderr } = await run(tsvde, ['-s', `${temporaryDirectory()}/ctl`, ...args]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(sentence);
});

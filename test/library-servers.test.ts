// The console, the metrics and the page of a program's own switch.
import { EventEmitter, once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Switch, serveConsole, serveMetrics, servePage } from '../src/index.ts';
import { atEnd } from './support/at-end.ts';
import { ConsoleClient } from './support/console.ts';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';

const dist = fileURLToPath(new URL('../dist/index.js', import.meta.url));

function aSwitch(): Switch {
  const sw = new Switch();
  atEnd(() => sw.close());
  return sw;
}

describe('serveConsole', () => {
  test('serves the console commands of the switch, which act on the switch', async () => {
    const sw = aSwitch();
    const path = `${temporaryDirectory()}/mgmt`;
    const served = await serveConsole(sw, { path });
    expect(served.address).toBe(path);
    const console = await ConsoleClient.connect(path);
    expect(await console.ask('vlan/create 7')).toContain('1000 Success');
    expect(sw.vlans.list().map(({ number }) => number)).toEqual([0, 7]);
    expect(await console.ask('port/create 3')).toContain('1000 Success');
    expect(sw.ports.get(3)).toMatchObject({ number: 3, active: false });
    await Promise.all([served.close(), served.close()]);
    expect(existsSync(path)).toBe(false);
    sw.ports.create(4); // the switch lives on
  });

  test('ends with the switch, which its command shutdown closes', async () => {
    const sw = aSwitch();
    const path = `${temporaryDirectory()}/mgmt`;
    await serveConsole(sw, { path });
    const console = await ConsoleClient.connect(path);
    const closed = once(sw, 'close');
    console.socket.write('shutdown\n');
    await closed;
    expect(existsSync(path)).toBe(false);
  });

  test('calls the shutdown function that the program gives, instead of closing the switch', async () => {
    const path = `${temporaryDirectory()}/mgmt`;
    const asked = new EventEmitter();
    await serveConsole(aSwitch(), { path, shutdown: () => asked.emit('shutdown') });
    (await ConsoleClient.connect(path)).socket.write('shutdown\n');
    await once(asked, 'shutdown');
    expect(existsSync(path)).toBe(true);
  });

  test('refuses what it cannot serve, with a sentence, and leaves nothing', async () => {
    const sw = aSwitch();
    const home = temporaryDirectory();
    await using served = await serveConsole(sw, { path: `${home}/mgmt` });
    await expect(serveConsole(sw, { path: served.address })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(serveConsole(sw, { path: `${home}/other`, group: 'no-such-group' })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    await expect(serveConsole(sw, { path: `${home}/other`, mod: 0o600 } as never)).rejects.toThrow(
      "there is no option 'mod'; did you mean 'mode'?",
    );
    expect(readdirSync(home)).toEqual(['mgmt']);
    await sw.close();
    expect(readdirSync(home)).toEqual([]);
    await expect(serveConsole(sw, { path: `${home}/mgmt` })).rejects.toMatchObject({ code: 'ENODEV' });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('serveMetrics', () => {
  test('serves a port of 127.0.0.1, and ends with the switch', async () => {
    const sw = aSwitch();
    const { address } = await serveMetrics(sw, { port: 0 });
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    sw.plug({ description: 'probe' });
    const text = await (await fetch(address)).text();
    expect(text).toMatch(
      /^tsvde_endpoint_info\{port="1",kind="plug",attachment="",description="probe",switch="tsvde"\} 1$/m,
    );
    await sw.close();
    await expect(fetch(address)).rejects.toThrow();
  });

  test('serves a path', async () => {
    const path = `${temporaryDirectory()}/metrics`;
    {
      await using served = await serveMetrics(aSwitch(), { path });
      expect(served.address).toBe(`unix:${path}`);
      const [response] = await once(request({ socketPath: path, path: '/healthz' }).end(), 'response');
      expect(response.statusCode).toBe(200);
      response.resume();
    }
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    [{}, 'EINVAL', /on a port, with a host or without, or on a path/],
    [{ port: 1, path: '/x' }, 'EINVAL', /on a port, with a host or without, or on a path/],
    [{ host: '::1' }, 'EINVAL', /on a port/],
    [{ port: 65_536 }, 'EINVAL', /port 65536 is not one of 0 to 65535/],
    [{ prt: 1 }, 'EINVAL', /there is no option 'prt'; did you mean 'port'\?/],
    [{ host: '192.0.2.1', port: 1 }, 'EADDRINUSE', /cannot serve metrics on 192\.0\.2\.1:1/],
  ])('refuses %o with a sentence', async (options, code, message) => {
    await expect(serveMetrics(aSwitch(), options as never)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe('servePage', () => {
  test('serves the page and its data on a port of 127.0.0.1, and ends with the switch', async () => {
    const sw = aSwitch();
    const { address } = await servePage(sw, { port: 0 });
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await (await fetch(address)).text()).toContain('<title>tsvde</title>');
    const live = await fetch(`${address}live`);
    const { value } = await live.body!.pipeThrough(new TextDecoderStream()).getReader().read();
    expect(value).toContain('"name":"tsvde"');
    await sw.close();
    await expect(fetch(address)).rejects.toThrow();
  });

  test('answers only for the hosts that the program names', async () => {
    const { address } = await servePage(aSwitch(), { port: 0, hosts: ['lab.example'] });
    const statusFor = async (host: string) => {
      const [response] = await once(request(address, { headers: { host } }).end(), 'response');
      response.resume();
      return response.statusCode;
    };
    expect(await statusFor('lab.example')).toBe(200);
    expect(await statusFor('evil.example')).toBe(421);
  });

  test('serves a path with a mode', async () => {
    const path = `${temporaryDirectory()}/web`;
    {
      await using served = await servePage(aSwitch(), { path, mode: 0o600 });
      expect(served.address).toBe(`unix:${path}`);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    [{}, 'EINVAL', /cannot serve the page: listen on a port, with a host or without, or on a path/],
    [{ port: 1, mode: 0o600 }, 'EINVAL', /only the socket of a path has a mode and a group/],
    [{ path: '/x', mode: 0o7777 }, 'EINVAL', /mode 4095 is not one of 0 to 0o777/],
    [{ port: 1, host: 'localhost', hots: [] }, 'EINVAL', /there is no option 'hots'; did you mean 'host'\?/],
    [{ host: '192.0.2.1', port: 1 }, 'EADDRINUSE', /cannot serve the page on 192\.0\.2\.1:1/],
  ])('refuses %o with a sentence', async (options, code, message) => {
    await expect(servePage(aSwitch(), options as never)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('warns if other hosts can read the page', async () => {
    const sw = aSwitch();
    const log: string[] = [];
    sw.on('log', (message) => log.push(message));
    await servePage(sw, { port: 0, host: '0.0.0.0' });
    expect(log).toEqual(['other hosts can read the page, without a password: its address is not a loopback address']);
  });
});

test('a program that imports the library loads neither metrics, page nor console until it serves them', async () => {
  const hook =
    "import fs from 'node:fs'; export const load = (url, c, next) => (fs.writeSync(1, url + '\\n'), next(url, c));";
  const body = `import { register } from 'node:module';
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
    const { serveMetrics, Switch } = await import(${JSON.stringify(dist)});
    console.log('imported');
    const sw = new Switch();
    await serveMetrics(sw, { port: 0 });
    await sw.close();`;
  const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', body]);
  expect([code, stderr]).toEqual([0, '']);
  const [first, later] = stdout.split('imported\n');
  expect(first).toContain('dist/plug/plug.js');
  expect(first).not.toMatch(/metrics\/scrape|web\/routes|commander|console\/(server|menus|commands)/);
  expect(later).toContain('dist/metrics/scrape.js');
});

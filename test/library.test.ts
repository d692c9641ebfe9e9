// The library: the guarantees that Switch and Plug give to a program.

import { once } from 'node:events';
import { existsSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type ListenOptions, Plug, Switch, type SwitchOptions } from '../src/index.ts';
import { formatAddress } from '../src/protocol/request.ts';
import type { EngineSettings } from '../src/system/engine.ts';
import { native } from '../src/system/native.ts';
import { atEnd } from './support/at-end.ts';
import { bareSwitch } from './support/bare-switch.ts';
import { BROADCAST, frame, network } from './support/network.ts';
import { run } from './support/process.ts';
import { RawClient } from './support/raw-client.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { until } from './support/wait.ts';

const dist = fileURLToPath(new URL('../dist/index.js', import.meta.url));

describe('Switch', () => {
  test.each([
    [{ numPorts: 0 }, /from 1 to 65535/],
    [{ numPorts: 65536 }, /from 1 to 65535/],
    [{ numPorts: 1.5 }, /from 1 to 65535/],
    [{ mac: '1:2:3' }, /Invalid MAC Addr 1:2:3/],
    [{ mac: '1:2:3:4:5:6g' }, /Invalid MAC Addr/],
    [{ hashSize: 0 }, /hash size of 0/],
    [{ hubb: true }, /^there is no option 'hubb'; did you mean 'hub'\?$/],
    [{ pacingMS: 1 }, /^there is no option 'pacingMS'; did you mean 'pacingMs'\?$/],
    [{ constructor: 1 }, /^there is no option 'constructor'; there are name, hub, numPorts, /],
  ])('refuses %o with a sentence', (options, sentence) => {
    expect(() => new Switch(options as SwitchOptions)).toThrow(sentence);
  });

  test('refuses an option of listen() that does not exist, and changes nothing', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    const directory = `${temporaryDirectory()}/ctl`;
    await expect(sw.listen({ directory, mod: 0o660 } as ListenOptions)).rejects.toMatchObject({
      code: 'EINVAL',
      message: "there is no option 'mod'; did you mean 'mode'?",
    });
    expect(existsSync(directory)).toBe(false);
    await sw.listen({ directory });
  });

  test('stops listening when its signal is aborted before it serves, and can listen then', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    const directory = `${temporaryDirectory()}/ctl`;
    const reason = new Error('enough');
    await expect(sw.listen({ directory, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const listening = sw.listen({ directory, signal: abort.signal });
    abort.abort(reason);
    await expect(listening).rejects.toBe(reason);
    expect(existsSync(directory)).toBe(false);
    await sw.listen({ directory, signal: new AbortController().signal });
    (await Plug.connect(directory)).close();
  });

  test('ports and VLANs are read in the same way, by get() and list()', () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    sw.ports.create(3);
    sw.vlans.create(7);
    sw.vlans.addPort(7, 3);
    expect(sw.ports.get(3)).toMatchObject({ number: 3, untaggedVlan: 0, vlans: new Set([0, 7]) });
    expect(sw.vlans.get(7)).toEqual({ number: 7, members: [{ port: 3, tagged: true, active: false }] });
    sw.vlans.setUntagged(7, 3);
    expect(sw.vlans.list()).toEqual([
      { number: 0, members: [] },
      { number: 7, members: [{ port: 3, tagged: false, active: false }] },
    ]);
    expect([sw.ports.get(4), sw.vlans.get(4)]).toEqual([undefined, undefined]);
  });

  test('ports are created, given to users and removed, and each refusal has its errno', () => {
    const sw = new Switch({ numPorts: 3 });
    atEnd(() => sw.close());
    sw.ports.create(2);
    expect(sw.ports.createAuto()).toBe(1);
    expect(sw.ports.createAuto()).toBe(3);
    const refused = (code: string, action: () => unknown) => expect(action).toThrow(expect.objectContaining({ code }));
    refused('ENOSPC', () => sw.ports.createAuto());
    refused('EEXIST', () => sw.ports.create(2));
    refused('EINVAL', () => sw.ports.create(4));
    refused('EINVAL', () => sw.ports.create(0));
    refused('EADDRINUSE', () => {
      sw.ports.limit = 2;
    });
    sw.ports.remove(3);
    refused('ENXIO', () => sw.ports.remove(3));
    refused('EINVAL', () => sw.ports.setUser(1, 'nobody-of-this-name'));
    refused('ENXIO', () => sw.ports.closeEndpoint(1, 7));
    sw.ports.setUser(1, 'root');
    sw.ports.setGroup(1, '0');
    expect(sw.ports.get(1)).toMatchObject({ user: 0, group: 0, active: false, allocatable: false });
    sw.ports.setUser(1, 'ANY');
    expect(sw.ports.get(1)?.user).toBeUndefined();
    sw.ports.limit = 2;
    expect(sw.ports.list().map(({ number }) => number)).toEqual([1, 2]);
  });

  test('counters have every field of their type', async () => {
    const { sw, join } = await network();
    await join();
    const [row] = sw.counters();
    const { port, receiveDrops, transmitDrops, ...rest } = row!;
    expect(port).toBe(1);
    const casts = ['Unicast', 'Multicast', 'Broadcast', 'Bytes'];
    const names = [
      ...casts.map((name) => `receive${name}`),
      ...casts.map((name) => `transmit${name}`),
      'receivePauses',
      'receiveKicks',
      'transmitStalls',
      'transmitInterrupts',
      'queueFrames',
      'queueBytes',
      'queueLimit',
    ];
    expect(Object.keys(rest).sort()).toEqual(names.sort());
    expect(Object.keys(receiveDrops).sort()).toEqual([
      'bad_length',
      'bad_offload',
      'bpdu_rate',
      'discarding',
      'error',
      'mirror',
      'own_echo',
      'same_port',
      'stranger',
      'too_long',
      'too_short',
      'vlan',
    ]);
    expect(Object.keys(transmitDrops).sort()).toEqual([
      'closed',
      'error',
      'interface_down',
      'mirror',
      'peer_gone',
      'queue_full',
      'too_long',
    ]);
  });

  test('counters last as long as their port and can be reset', async () => {
    const { sw, join } = await network();
    const [a] = [await join(), await join()];
    a.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await until(() => sw.counters()[0]?.receiveBroadcast === 1n, 'the frame');
    a.plug.close();
    await until(() => !sw.ports.get(1)?.active, 'an inactive port');
    expect(sw.counters()[0]?.receiveBroadcast).toBe(1n);
    sw.resetCounters(1);
    expect(sw.counters()[0]?.receiveBroadcast).toBe(0n);
    sw.resetCounters(20);
    expect(() => sw.resetCounters(33)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('close() disconnects clients, removes files, may be repeated and leaves no descriptor', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const before = readdirSync('/proc/self/fd').length;
    const sw = new Switch();
    await sw.listen({ directory });
    const plugs = await Promise.all(Array.from({ length: 20 }, () => Plug.connect(directory)));
    const ends = plugs.map((plug) => once(plug, 'close'));
    for (const plug of plugs) plug.send(frame(BROADCAST, '02:00:00:00:00:01'));
    await Promise.all([sw.close(), sw.close(), ...ends]);
    await sw.close();
    expect(readdirSync(directory.replace('/ctl', ''))).toEqual([]);
    await until(() => readdirSync('/proc/self/fd').length <= before, 'no more descriptors than before');
    expect(() => sw.counters()).toThrow(/closed/);
  });

  test('a second switch on the same directory fails and leaves the first unchanged', async () => {
    const { directory, sw, join } = await network();
    const second = new Switch();
    atEnd(() => second.close());
    await expect(second.listen({ directory, mode: 0o777 })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining('Address already in use'),
    });
    await join();
    expect(sw.ports.get(1)?.active).toBe(true);
    await expect(sw.listen({ directory })).rejects.toMatchObject({ code: 'EEXIST' });
  });

  test('a client that connects between bind() and serve() is served after serve()', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const sw = new Switch();
    atEnd(() => sw.close());
    await sw.bind({ directory });
    const asking = Plug.connect(directory);
    sw.ports.create(1);
    await sw.serve();
    const plug = await asking;
    expect(plug.switchPath).toMatch(/\/002\.\d+$/);
    plug.close();
  });

  test('other sockets given to bindWith() are opened in the same turn as the control socket', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const sw = new Switch();
    atEnd(() => sw.close());
    let turns = 0;
    const count = () => {
      turns++;
      if (sw.control?.served !== true) setImmediate(count);
    };
    count();
    let opened: unknown;
    await sw.bindWith({ directory }, async () => {
      const [before, there] = [turns, existsSync(`${directory}/ctl`)];
      return () => {
        opened = { turns: turns - before, there: [there, existsSync(`${directory}/ctl`)] };
      };
    });
    expect(opened).toEqual({ turns: 0, there: [false, true] });
    await sw.serve();
  });

  test('close() before serve() disconnects waiting clients', async () => {
    const parent = temporaryDirectory();
    const sw = new Switch();
    await sw.bind({ directory: `${parent}/ctl` });
    const waiting = await RawClient.connect(`${parent}/ctl`);
    await sw.close();
    await waiting.closed;
    expect(readdirSync(parent)).toEqual([]);
  });

  test('close() before serve() or during listen() leaves an existing directory empty', async () => {
    const directory = temporaryDirectory();
    const sw = new Switch();
    await sw.bind({ directory });
    await sw.close();
    expect(readdirSync(directory)).toEqual([]);
    const early = new Switch();
    const listening = early.listen({ directory });
    await early.close();
    await expect(listening).rejects.toMatchObject({ code: 'ENODEV', message: 'the switch is closed' });
    expect(readdirSync(directory)).toEqual([]);
    await expect(early.bind({ directory })).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('serve() is refused before bind() and after listen()', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    await expect(sw.serve()).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('bind() comes first'),
    });
    await sw.listen({ directory: temporaryDirectory() });
    await expect(sw.serve()).rejects.toMatchObject({ code: 'EEXIST' });
  });

  test('an existing directory stays when listening on it fails', async () => {
    const parent = temporaryDirectory();
    const long = `${parent}/${'x'.repeat(90)}`;
    const link = `${parent}/link`;
    mkdirSync(long);
    symlinkSync(long, link);
    const sw = new Switch();
    atEnd(() => sw.close());
    await expect(sw.listen({ directory: link })).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    const directory = `${parent}/ctl`;
    const isRefused = async () => {
      const fd = openSync('/dev/null', 'r');
      await expect(sw.listen({ directory, fd })).rejects.toMatchObject({
        code: 'EIO',
        message: expect.stringContaining(`descriptor ${fd}, given for '${directory}/ctl'`),
      });
      expect(() => fstatSync(fd)).toThrow('EBADF'); // the switch has taken it over
    };
    await isRefused();
    expect(existsSync(directory)).toBe(false);
    mkdirSync(directory);
    await isRefused();
    expect(readdirSync(parent).sort()).toEqual(['ctl', 'link', 'x'.repeat(90)]);
    await sw.listen({ directory });
    (await Plug.connect(directory)).close();
  });

  test('a directory whose name leaves no room for its sockets is refused before anything is created', async () => {
    const parent = temporaryDirectory();
    const sw = new Switch();
    atEnd(() => sw.close());
    await expect(sw.listen({ directory: `${parent}/${'x'.repeat(95)}` })).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    });
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe('Plug', () => {
  test('connecting to a missing switch is refused with a sentence that names its directory', async () => {
    await expect(Plug.connect('/nowhere/ctl')).rejects.toThrow(
      "cannot join the switch at '/nowhere/ctl': No such file or directory",
    );
  });

  test('a switch that ends after its reply causes an error or a close event', async () => {
    const directory = temporaryDirectory();
    const data = `${directory}/002.1`;
    const fd = native.openDatagram(data, null);
    atEnd(() => native.closeDescriptor(fd));
    const server = createServer((stream) => {
      stream.on('error', () => {});
      stream.once('data', () => stream.end(formatAddress(data), () => stream.destroy()));
    }).listen(`${directory}/ctl`);
    atEnd(() => server.close());
    await once(server, 'listening');
    for (let i = 0; i < 50; i++) {
      const ended = await Plug.connect(directory).then(
        (plug) => once(plug, 'close').then(() => 'close'),
        (error: Error) => error.message,
      );
      expect(ended).toMatch(/^close$|^cannot join the switch at /);
    }
  });

  test('sendAll() sends as many frames as there is room for, in order, and returns how many', async () => {
    const { directory, fd } = await bareSwitch();
    const plug = await Plug.connect(directory);
    atEnd(() => plug.close());
    const frames = Array.from({ length: 1000 }, (_, i) => frame(BROADCAST, '02:00:00:00:00:01', 1500, i));
    const received = () => {
      const marks: number[] = [];
      const bytes = Buffer.alloc(2000);
      try {
        for (;;) {
          expect(readSync(fd, bytes)).toBe(1500);
          marks.push(bytes.readUInt32BE(14));
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
      }
      return marks;
    };
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

    const room = plug.sendAll(frames);
    expect(room).toBeGreaterThan(1);
    expect(room).toBeLessThan(1000);
    expect(plug.sendAll(frames.slice(room))).toBe(0);
    expect(plug.send(frames[room]!)).toBe(false);
    const drained = once(plug, 'drain');
    expect(received()).toEqual(range(0, room));
    await drained;
    const few = frames.slice(room, room + 3);
    expect(plug.sendAll(few)).toBe(3);
    expect(plug.sendAll([])).toBe(0);
    expect(received()).toEqual(range(room, room + 3));
  });

  test('a paused plug gets the queued frames in order, and then every further frame', async () => {
    const { sw, join } = await network({ hub: true, queueFrames: 40 });
    const [a, b] = [await join(), await join()];
    b.plug.pause();
    const frames = Array.from({ length: 5000 }, (_, i) => frame(BROADCAST, '02:00:00:00:00:01', 1500, i));
    for (let sent = 0; sent < frames.length; ) {
      sent += a.plug.sendAll(frames.slice(sent));
      if (sent < frames.length) await once(a.plug, 'drain');
    }
    const row = (port: number) => sw.counters().find((one) => one.port === port)!;
    await until(() => row(1).receiveBroadcast === 5000n, 'every frame to be received once');
    const kept = Number(row(2).transmitBroadcast);
    expect(kept).toBeGreaterThan(40);
    expect(row(2).transmitDrops.queue_full).toBe(BigInt(5000 - kept));
    b.plug.resume();
    await until(() => b.frames.length === kept, 'the queued frames');
    const last = frame(BROADCAST, '02:00:00:00:00:01', 60, 9999);
    a.send(last);
    await b.receives(last);
    expect(b.frames.slice(0, kept).every((one, i) => one.equals(frames[i]!))).toBe(true);
    expect(b.frames).toHaveLength(kept + 1);
  });

  describe('a listener of a plug with more frames of the same batch', () => {
    const marked = (mark: number) => frame(BROADCAST, '02:00:00:00:00:01', 60, mark);

    /** Sends three frames, which `b` then reads in one batch. */
    async function threeAtOnce() {
      const { join } = await network({ hub: true });
      const [a, b] = [await join(), await join()];
      expect(a.plug.sendAll([marked(1), marked(2), marked(3)])).toBe(3);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      return b;
    }

    test('a plug closed by its listener emits no more frames', async () => {
      const { plug, frames } = await threeAtOnce();
      plug.once('frame', () => plug.close());
      await once(plug, 'close');
      await new Promise(setImmediate);
      expect(frames).toEqual([marked(1)]);
    });

    test('a plug paused by its listener emits the other frames after resume()', async () => {
      const { plug, frames } = await threeAtOnce();
      plug.once('frame', () => plug.pause());
      await once(plug, 'frame');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(frames).toEqual([marked(1)]);
      plug.resume();
      expect(frames).toEqual([marked(1)]);
      await until(() => frames.length === 3, 'the other frames');
      expect(frames).toEqual([marked(1), marked(2), marked(3)]);
    });
  });

  test('a closed plug may be closed again and refuses to send', async () => {
    const { join } = await network();
    const { plug } = await join();
    plug.close();
    plug.close();
    expect(() => plug.send(frame(BROADCAST, '02:00:00:00:00:01'))).toThrow(/closed/);
  });
});

test('a closed engine emits no more events, not even those in its queue', async () => {
  const events: string[] = [];
  const engine = new native.Engine({ macLimit: 8, capture: true } as EngineSettings, ({ type }) => {
    events.push(type);
    engine.close();
  });
  const [fd, other] = native.datagramPair(100_000);
  atEnd(() => native.closeDescriptor(other));
  engine.addPort(1);
  engine.attach(1, 1, { kind: 'datagram', fd }, 16);
  for (let i = 0; i < 3; i++) engine.send(1, frame(BROADCAST, '02:00:00:00:00:01'));
  await until(() => events.length > 0, 'an event');
  await new Promise(setImmediate);
  expect(events).toEqual(['frame-transmitted']);
});

describe('a process that uses the library', () => {
  const program = (body: string) =>
    run(process.execPath, [
      '--expose-gc',
      '--input-type=module',
      '-e',
      `import { Switch, Plug } from ${JSON.stringify(dist)};\n${body}`,
    ]);

  test('a process ends by itself once its switch is closed', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const body = `const sw = new Switch(); await sw.listen({ directory: ${JSON.stringify(directory)} });
      const plug = await Plug.connect(${JSON.stringify(directory)}); plug.send(Buffer.alloc(60, 255)); await sw.close();`;
    expect(await program(body)).toMatchObject({ code: 0, stderr: '' });
  });

  test('a process may exit, or drop its last reference to a switch, without closing it', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const body = `{ const sw = new Switch(); await sw.listen({ directory: ${JSON.stringify(directory)} }); }
      for (let i = 0; i < 50; i++) new Switch(); gc(); await new Promise((resolve) => setImmediate(resolve)); gc(); process.exit(7);`;
    expect(await program(body)).toMatchObject({ code: 7, stderr: '' });
  });

  test('an exception of a capture listener is an uncaughtException, and the process goes on', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const body = `const sw = new Switch({ hub: true }); await sw.listen({ directory: ${JSON.stringify(directory)} });
      const plug = await Plug.connect(${JSON.stringify(directory)});
      process.on('uncaughtException', ({ message }) => console.log('uncaught: ' + message));
      let looks = 0;
      sw.capture.start(() => { if (++looks === 2) { console.log('looked'); plug.close(); void sw.close(); return; } plug.send(Buffer.alloc(60, 255)); throw new Error('mine'); });
      plug.send(Buffer.alloc(60, 255));`;
    expect(await program(body)).toMatchObject({ code: 0, stderr: '', stdout: 'uncaught: mine\nlooked\n' });
  });

  test('an exception of a frame listener is an uncaughtException, and the plug emits the next frames', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const body = `const sw = new Switch({ hub: true }); await sw.listen({ directory: ${JSON.stringify(directory)} });
      const [one, two] = [await Plug.connect(${JSON.stringify(directory)}), await Plug.connect(${JSON.stringify(directory)})];
      process.on('uncaughtException', ({ message }) => console.log('uncaught: ' + message));
      two.on('frame', (frame) => { if (frame[20] === 3) void sw.close(); throw new Error(frame[20]); });
      one.sendAll([1, 2, 3].map((mark) => Buffer.alloc(60, 255).fill(mark, 20)));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); // for one batch`;
    expect(await program(body)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: 'uncaught: 1\nuncaught: 2\nuncaught: 3\n',
    });
  });

  const listening = { 'of a plug': "two.on('frame', listener)", 'of a capture': 'sw.capture.start(listener)' };
  const ending = {
    'process.exit()': ['process.exit(3)', 3],
    'worker.terminate()': ["parentPort.postMessage('it loops'); for (;;);", 1],
  } as const;
  const both = Object.entries(listening).flatMap(([whose, listen]) =>
    Object.entries(ending).map(([what, [act, code]]) => [whose, what, listen, act, code] as const),
  );
  test.each(both)('a worker may end in a listener %s by %s', async (_whose, _what, listen, act, code) => {
    const directory = `${temporaryDirectory()}/ctl`;
    const worker = `import(${JSON.stringify(dist)}).then(async ({ Switch, Plug }) => {
      const { parentPort } = await import('node:worker_threads');
      const sw = new Switch({ hub: true });
      await sw.listen({ directory: ${JSON.stringify(directory)} });
      const [one, two] = [await Plug.connect(${JSON.stringify(directory)}), await Plug.connect(${JSON.stringify(directory)})];
      const listener = () => { ${act} };
      ${listen};
      for (let i = 0; i < 10; i++) one.send(Buffer.alloc(60, 255));
    })`;
    const body = `import { Worker } from 'node:worker_threads';
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
      worker.on('message', () => void worker.terminate());
      worker.on('exit', (code) => setTimeout(() => console.log('it ended with ' + code), 50));`;
    expect(await program(body)).toMatchObject({ code: 0, stderr: '', stdout: `it ended with ${code}\n` });
  });

  test('a worker may listen, connect and attach', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    const body = `import { Worker } from 'node:worker_threads';
      const code = ${JSON.stringify(`import(${JSON.stringify(dist)}).then(async ({ Switch, Plug }) => {
        const sw = new Switch();
        await sw.listen({ directory: ${JSON.stringify(directory)} });
        (await Plug.connect(${JSON.stringify(directory)})).close();
        await sw.attach({ kind: 'dgram', 'remote.type': 'unix', 'local.path': ${JSON.stringify(`${directory}.dgram`)}, 'remote.path': '/nowhere' });
        await sw.close();
        console.log('joined');
      })`)};
      new Worker(code, { eval: true });`;
    expect(await program(body)).toMatchObject({ code: 0, stderr: '', stdout: 'joined\n' });
  });

  test('each worker may have a switch', async () => {
    const body = `import { Worker } from 'node:worker_threads';
      const code = 'import(${JSON.stringify(dist)}).then(({ Switch }) => { const sw = new Switch(); sw.ports.create(3); console.log(sw.counters().length); })';
      await Promise.all([1, 2, 3].map(() => new Promise((resolve) => new Worker(code, { eval: true }).on('exit', resolve))));`;
    expect(await program(body)).toMatchObject({ code: 0, stderr: '', stdout: '1\n1\n1\n' });
  });
});

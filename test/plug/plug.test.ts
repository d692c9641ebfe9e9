// Plugs as a program uses them: on the program's own switch, in a `for await`, and stopped by an AbortSignal; and the
// errors that the program gets.
import { once } from 'node:events';
import { chmodSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Plug, Switch, SwitchError } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const dist = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const A = '02:00:00:00:00:0a';
const marked = (mark: number, size = 60) => frame(BROADCAST, A, size, mark);

/** A hub with two plugs of this program. */
function pair() {
  const sw = new Switch({ hub: true });
  atEnd(() => sw.close());
  return { sw, a: sw.plug({ description: 'one' }), b: sw.plug({ port: 7 }) };
}

describe("a plug on a program's own switch", () => {
  test('needs no directory, and has the port and the description that it asks for', async () => {
    const { sw, a, b } = pair();
    expect([a.port, b.port, a.switchPath]).toEqual([1, 7, '']);
    expect(sw.ports.get(1)).toMatchObject({
      active: true,
      currentUser: process.geteuid!(),
      endpoints: [{ kind: 'plug', description: 'one' }],
    });
    const received = once(b, 'frame');
    expect(a.send(marked(1))).toBe(true);
    expect(await received).toEqual([marked(1)]);
  });

  test('gives its port back when it is closed, and leaves no descriptor', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const sw = new Switch();
    for (let i = 0; i < 20; i++) sw.plug().close();
    expect(sw.ports.list()).toMatchObject([{ number: 1, active: false }]);
    await sw.close();
    await until(() => readdirSync('/proc/self/fd').length <= before, 'the descriptors there were');
  });

  test('is closed with the switch, and with its endpoint', async () => {
    const { sw, a, b } = pair();
    const ends = [once(a, 'close'), once(b, 'close')];
    sw.ports.closeEndpoint(1, sw.ports.get(1)!.endpoints[0]!.id);
    expect([a.open, b.open]).toEqual([false, true]);
    expect(sw.ports.get(1)!.active).toBe(false);
    await sw.close();
    await Promise.all(ends);
    expect(() => sw.plug()).toThrow(expect.objectContaining({ code: 'ENODEV', message: 'the switch is closed' }));
  });

  test('may have a listener that throws when the switch closes: the error is uncaught, and all is closed', async () => {
    const body = `import { Switch } from ${JSON.stringify(dist)};
      const sw = new Switch();
      const [a, b] = [sw.plug(), sw.plug()];
      process.on('uncaughtException', ({ message }) => console.log('uncaught: ' + message));
      b.on('close', () => { throw new Error('mine'); });
      await sw.close();
      console.log(a.open, b.open);`;
    const { code, stdout } = await run(process.execPath, ['--input-type=module', '-e', body]);
    expect([code, stdout.split('\n').sort()]).toEqual([0, ['', 'false false', 'uncaught: mine']]);
  });

  test('is refused a port that it cannot have, and changes nothing then', () => {
    const { sw } = pair();
    const before = sw.ports.list();
    expect(() => sw.plug({ port: 33 })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => sw.plug({ ports: 3 } as object)).toThrow("there is no option 'ports'; did you mean 'port'?");
    expect(sw.ports.list()).toEqual(before);
  });

  test('when paused, leaves frames in the switch, which paces the sender', async () => {
    const { a, b } = pair();
    b.pause();
    const frames: Buffer[] = [];
    b.on('frame', (frame) => frames.push(frame));
    for (let i = 0; i < 5; i++) a.send(marked(i));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(frames).toEqual([]);
    b.resume();
    await until(() => frames.length === 5, 'the frames');
  });
});

describe('what is sent', () => {
  test.each([
    [marked(0, 14).subarray(0, 13), 'EINVAL', 'a frame has at least 14 bytes, its Ethernet header; this one has 13'],
    [new Uint8Array(0), 'EINVAL', 'a frame has at least 14 bytes, its Ethernet header; this one has 0'],
    [new Uint8Array(65_536), 'EMSGSIZE', 'a frame has at most 65535 bytes; this one has 65536'],
  ])('%#: of the wrong length, is refused with a sentence', (bytes, code, message) => {
    const { a } = pair();
    expect(() => a.send(bytes)).toThrow(expect.objectContaining({ name: 'SwitchError', code, message }));
  });

  test('is bytes', () => {
    const { a } = pair();
    expect(() => a.send('hello' as unknown as Buffer)).toThrow(TypeError);
    expect(() => a.send(undefined as unknown as Buffer)).toThrow('a frame is a Uint8Array, such as a Buffer');
  });

  test('of the shortest and the longest length arrives; where one of many is invalid, none is sent', async () => {
    const { a, b } = pair();
    const frames: Buffer[] = [];
    b.on('frame', (frame) => frames.push(frame));
    expect(() => a.sendAll([marked(1), Buffer.alloc(3)])).toThrow(SwitchError);
    expect(a.sendAll([marked(2, 14), marked(3, 65_535)])).toBe(2);
    await until(() => frames.length === 2, 'both');
    expect(frames.map(({ length }) => length)).toEqual([60, 65_535]);
  });

  test('is refused once the plug is closed', () => {
    const { a } = pair();
    a.close();
    expect(() => a.send(marked(1))).toThrow(expect.objectContaining({ code: 'ENODEV', message: 'the plug is closed' }));
    a.pause();
    a.resume();
  });
});

describe('for await (const frame of plug)', () => {
  test('gives every frame in its order, and ends with the plug', async () => {
    const { sw, a, b } = pair();
    const reading = (async () => {
      const marks: number[] = [];
      for await (const frame of b) marks.push(frame.readUInt32BE(14));
      return marks;
    })();
    for (let i = 0; i < 3; i++) a.send(marked(i));
    await until(() => sw.counters()[1]?.transmitBroadcast === 3n, 'the frames');
    await new Promise((resolve) => setTimeout(resolve, 20));
    b.close();
    expect(await reading).toEqual([0, 1, 2]);
  });

  test('leaves nothing behind after break, and after a throw', async () => {
    const { a, b } = pair();
    const sender = setInterval(() => a.send(marked(1)), 5);
    atEnd(() => clearInterval(sender));
    for await (const _ of b) break;
    const throwing = async () => {
      for await (const _ of b) throw new Error('mine');
    };
    await expect(throwing()).rejects.toThrow('mine');
    expect(b.eventNames()).toEqual([]);
    expect(await once(b, 'frame')).toEqual([marked(1)]); // the plug is not paused
  });

  test('is bounded: frames that are not read wait in the switch, and the sender learns when it is full', async () => {
    const { sw, a, b } = pair();
    const iteration = b.frames();
    let sent = 0;
    while (sent < 5000) {
      const taken = a.sendAll(Array.from({ length: 32 }, (_, i) => marked(sent + i, 1500)));
      if (taken === 0) break;
      sent += taken;
      await new Promise(setImmediate);
    }
    // The kernel's sockets, the switch's queue and the 64 places of the iteration are full by now, and further frames
    // were dropped or refused.
    const drops = () => sw.counters().find(({ port }) => port === 7)!.transmitDrops.queue_full!;
    await until(() => sent < 5000 || drops() > 0n, 'an end of the room');
    const marks: number[] = [];
    for await (const frame of iteration) {
      marks.push(frame.readUInt32BE(14));
      if (marks.length === 150) break;
    }
    expect(marks).toEqual(Array.from({ length: 150 }, (_, i) => i));
  });

  test('reads what came before the other side ended, and then ends', async () => {
    const { directory, sw, join } = await network({ hub: true });
    const plug = await Plug.connect(directory);
    const { plug: other } = await join();
    const iteration = plug.frames();
    other.send(marked(1));
    other.send(marked(2));
    await until(() => sw.counters()[0]?.transmitBroadcast === 2n, 'the frames');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await sw.close();
    await until(() => !plug.open, 'the end');
    const frames: Buffer[] = [];
    for await (const frame of iteration) frames.push(frame);
    expect(frames).toEqual([marked(1), marked(2)]);
    for await (const _ of plug) throw new Error('a closed plug has no frames');
  });

  test('reads all that came before the end, even if the plug was paused in the middle of a batch', async () => {
    const { sw, a, b } = pair();
    const iteration = b.frames();
    b.once('frame', () => b.pause());
    const frames = Array.from({ length: 8 }, (_, i) => marked(i));
    a.sendAll(frames);
    // Waits without a turn of the event loop, so that the plug reads all frames in one batch.
    while (sw.counters().find(({ port }) => port === 7)!.transmitBroadcast < 8n);
    await once(b, 'frame');
    b.end();
    const read: Buffer[] = [];
    for await (const frame of iteration) read.push(frame);
    expect(read).toEqual(frames);
  });

  test('throws the reason of a signal, while it waits and before it begins', async () => {
    const { b } = pair();
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of b.frames({ signal: abort.signal }));
    })();
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await expect(b.frames({ signal: abort.signal }).next()).rejects.toBe(reason);
    expect(
      await b
        .frames({ signal: AbortSignal.timeout(10) })
        .next()
        .catch(({ name }) => name),
    ).toBe('TimeoutError');
    expect(b.open).toBe(true);
  });

  test('runs twice at once, and the slower of both sets the pace', async () => {
    const { a, b } = pair();
    const [slow, fast] = [b.frames(), b.frames()];
    const marks: number[] = [];
    const reading = (async () => {
      for await (const frame of fast) marks.push(frame.readUInt32BE(14));
    })();
    for (let i = 0; i < 100; i++) {
      while (!a.send(marked(i))) await once(a, 'drain');
    }
    await until(() => marks.length === 64, 'the first 64');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(marks.length).toBe(64);
    await slow.return!();
    await until(() => marks.length === 100, 'the others');
    b.close();
    await reading;
  });
});

test('using closes a plug, and await using closes a switch and its plugs', async () => {
  let held: Plug;
  {
    await using sw = new Switch();
    using plug = sw.plug();
    {
      using other = sw.plug();
      held = other;
    }
    expect([plug.open, held.open]).toEqual([true, false]);
    held = plug;
  }
  expect(held.open).toBe(false);
});

describe('Plug.connect', () => {
  const refused = (directory: string, options?: object) =>
    Plug.connect(directory, options).then(
      () => 'connected',
      ({ code, message }: SwitchError) =>
        `${code} ${message.replace(`cannot join the switch at '${directory}': `, '')}`,
    );

  test('tells "not there" from "refused", each with its code', async () => {
    const parent = temporaryDirectory();
    expect(await refused(`${parent}/none`)).toBe('ENOENT No such file or directory');
    expect(await refused(parent)).toBe('ENOENT No such file or directory');

    const { directory, sw, join } = await network({ numPorts: 2 });
    const { plug } = await join();
    expect(plug.port).toBe(1);
    await join();
    expect(await refused(directory)).toBe(
      'ECONNREFUSED it refused: no port is free, or this user may not join; its log says why',
    );
    expect(await refused(directory, { port: 3 })).toBe(
      'ECONNREFUSED it refused: the port is taken, reserved or out of range; its log says why',
    );
    await sw.close();

    const stale = temporaryDirectory(); // its socket is there, and nobody serves it
    const server = createServer().listen(`${stale}/ctl`);
    await once(server, 'listening');
    renameSync(`${stale}/ctl`, `${stale}/kept`);
    await new Promise((resolve) => server.close(resolve));
    renameSync(`${stale}/kept`, `${stale}/ctl`);
    expect(await refused(stale)).toBe('ECONNREFUSED Connection refused');

    writeFileSync(`${parent}/file`, '');
    expect(await refused(`${parent}/file`)).toBe('EIO Not a directory');
  });

  test('is refused with EACCES where permissions forbid it', async () => {
    const { directory } = await network();
    chmodSync(`${directory}/ctl`, 0);
    const uid = process.geteuid!();
    if (uid === 0) process.seteuid!(65_534); // permissions do not restrict root
    atEnd(() => process.seteuid!(uid));
    expect(await refused(directory)).toBe('EACCES Permission denied');
  });

  test('refuses options that do not exist, and ports that no switch has', async () => {
    const { directory } = await network();
    await expect(Plug.connect(directory, { descripton: 'x' } as object)).rejects.toThrow(
      "there is no option 'descripton'; did you mean 'description'?",
    );
    for (const port of [-1, 65_536, 1.5, Number.NaN])
      expect(await refused(directory, { port })).toBe(`EINVAL port ${port} is not one of 0 to 65535`);
  });

  test('is abandoned by a signal, with its reason, and leaves nothing', async () => {
    const directory = temporaryDirectory();
    const silent = createServer((stream) => stream.on('error', () => {}).resume()).listen(`${directory}/ctl`);
    atEnd(() => silent.close());
    await once(silent, 'listening');
    const reason = new Error('enough');
    await expect(Plug.connect(directory, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const joining = Plug.connect(directory, { signal: abort.signal });
    await once(silent, 'connection');
    abort.abort(reason);
    await expect(joining).rejects.toBe(reason);
    expect(readdirSync(directory)).toEqual(['ctl']);
  });
});

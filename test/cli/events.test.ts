// Tests tsvdectl events, wait and expect.
import { chmod } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FeedEvent } from '../../src/index.ts';
import { serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network } from '../support/network.ts';
import { run, start, tsvdectl } from '../support/process.ts';
import { until } from '../support/wait.ts';

const FIRST = '02:00:00:00:00:01';

async function served() {
  const net = await network();
  const { path } = await serveConsole(net);
  const ctl = (...words: string[]) => run(tsvdectl, ['-M', path, ...words]);
  return { ...net, path, ctl };
}

/** Starts tsvdectl events and returns what it prints, once the switch has a listener. */
async function watching(net: Awaited<ReturnType<typeof served>>, ...words: string[]) {
  const child = start(tsvdectl, ['-M', net.path, ...words]);
  let text = '';
  child.onStdout((piece) => {
    text += piece;
  });
  let number = 1;
  // The first event that is shown tells that the switch has a listener.
  await until(() => {
    if (number < 200) net.sw.vlans.create(number++);
    return text.includes('\n');
  }, 'the first event');
  return { child, text: () => text };
}

describe('tsvdectl events', () => {
  test('shows events as text, with names and without control characters, until it is interrupted', async () => {
    const net = await served();
    const { child, text } = await watching(net, 'events');
    const guest = await net.join({ port: 3, description: 'name=web \x1b[2Ja guest' });
    guest.send(frame(BROADCAST, FIRST));
    await until(() => text().includes('learned'), 'the address');
    expect(text()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} port 3 \(web\): vde joined: name=web \\x1b\[2Ja guest$/m);
    expect(text()).toMatch(/^\S+ port 3 \(web\): 02:00:00:00:00:01 learned$/m);
    expect(text()).toMatch(/^\S+ VLAN \d+: created$/m);
    child.signal('SIGINT');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test.each([[['events', '--json']], [['--json', 'events']]])('%j shows them as JSON, with numbers', async (words) => {
    const net = await served();
    const { child, text } = await watching(net, ...words);
    net.sw.ports.create(9);
    await until(() => text().includes('port-created'), 'the port');
    const events = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as FeedEvent);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => events[0]!.sequence + i));
    child.signal('SIGTERM');
    await child.exited;
  });

  test('takes no arguments, and its command cannot be sent by hand', async () => {
    const net = await served();
    expect((await net.ctl('events/stream')).stderr).toContain('events/stream cannot be used as a command');
    expect((await net.ctl('events', 'x')).code).toBe(255);
  });

  test('a reader that stops gets a gap, and nothing else waits', async () => {
    const net = await served();
    const socket = connect(net.path);
    let text = '';
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    socket.write('events/stream\n');
    const sequence = () => net.sw.events.sequence;
    net.sw.ports.create(1);
    await until(() => {
      net.sw.ports.setName(1, `n${Date.now()}`);
      return sequence() > 0;
    }, 'the stream');
    socket.pause();
    for (let i = 0; i < 30_000; i++) net.sw.ports.setName(1, `x${i}-${'y'.repeat(40)}`);
    socket.on('data', (piece) => {
      text += piece;
    });
    socket.resume();
    await until(() => text.includes('"gap"'), 'the gap');
    net.sw.ports.setName(1, 'last');
    await until(() => text.includes('"last"'), 'the last event');
    const events = text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as FeedEvent);
    const gap = events.findIndex(({ type }) => type === 'gap');
    const { lost } = events[gap] as FeedEvent & { lost: number };
    expect(events[gap]!.sequence).toBe(events[gap - 1]!.sequence + lost);
    expect(events[gap + 1]!.sequence).toBe(events[gap]!.sequence + 1);
    socket.destroy();
  });
});

describe('tsvdectl wait', () => {
  test.each([
    ['port 3 up'],
    ['port web up'],
    ['mac 02:00:00:00:00:01 known'],
    ['mac 02:00:00:00:00:01 vlan 0 on web'],
    ['counter 3 receive_frames >= 1'],
    ['counter web receive_broadcast = 1'],
    ['counter 3 receive_drop_too_short > 0'],
    ['counter 3 receive_drop > 0'],
  ])('%s: exits with 0 when it comes', async (condition) => {
    const { ctl, join } = await served();
    const waiting = ctl('wait', ...condition.split(' '), '--timeout', '15s');
    const guest = await join({ port: 3, description: 'name=web' });
    guest.send(frame(BROADCAST, FIRST));
    guest.send(Buffer.alloc(10));
    expect(await waiting).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test.each([['port 3 down'], ['mac 02:00:00:00:00:01 unknown'], ['counter 3 queue_frames < 1']])(
    '%s: exits with 0 at once when it is so',
    async (condition) => {
      const { ctl, sw } = await served();
      sw.ports.create(3);
      expect(await ctl('wait', condition)).toMatchObject({ code: 0, stderr: '' });
    },
  );

  test('exits with 1 when the condition does not hold in time', async () => {
    const { ctl } = await served();
    expect(await ctl('wait', '--timeout', '100ms', 'port', '3', 'up')).toMatchObject({
      code: 1,
      stderr: "tsvdectl: wait: 'port 3 up' does not hold after 0.1 s\n",
    });
  });

  test.each([
    [['wait'], /missing required argument/],
    [['wait', 'port', '3'], /is not a condition: it is one of\n {2}port PORT up\|down/],
    [['wait', 'mac', 'x', 'known'], /'x' is not a MAC address/],
    [['wait', 'mac', FIRST, 'vlan', 'x', 'known'], /is not a condition/],
    [['wait', 'counter', '3', 'nonsense', '>', '1'], /'nonsense' is not a counter: it is one of receive_bytes/],
    [['wait', 'counter', '3', 'receive_drop_nonsense', '>', '1'], /the reasons are too_short/],
    [['wait', 'port', '3', 'up', '--timeout', 'x'], /'x' is not a time/],
  ])('%j exits with 2', async (words, sentence) => {
    const { ctl, sw } = await served();
    sw.ports.create(3);
    const { code, stderr } = await ctl(...words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(sentence) });
  });
});

describeWith(['tcpdump'], 'tsvdectl expect', () => {
  test('exits with 0 when a frame comes that the filter accepts', async () => {
    const { ctl, join, sw } = await served();
    const [guest, other] = [await join({ port: 1 }), await join({ port: 2 })];
    const waiting = ctl('expect', 'ether proto 0x88b5 and len = 77', '-p', '1', '--timeout', '15s');
    await until(() => sw.captures.list().length === 1, 'the capture');
    other.send(frame(BROADCAST, FIRST, 78));
    guest.send(frame(BROADCAST, FIRST, 76));
    guest.send(frame(BROADCAST, FIRST, 77));
    expect(await waiting).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('exits with 1 when none comes in time', async () => {
    const { ctl } = await served();
    expect(await ctl('expect', 'icmp', '--timeout', '100ms')).toMatchObject({
      code: 1,
      stderr: "tsvdectl: expect: no frame that 'icmp' accepts came in 0.1 s\n",
    });
  });

  test.each([
    [['expect'], /missing required argument/],
    [['expect', 'tcp prot 80'], /expect: the filter is refused/],
    [['expect', 'tcp', '-p', 'nobody'], /'nobody' is neither the number nor the name of a port/],
    [['expect', 'tcp', '--timeout', '-1'], /'-1' is not a time/],
  ])('%j exits with 2', async (words, sentence) => {
    const { ctl } = await served();
    const { code, stderr } = await ctl(...words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(sentence) });
  });
});

describeWith(['tcpdump', 'root', 'setpriv'], 'tsvdectl expect of a user without the level', () => {
  test('exits with 255, which cannot be taken for the absence of the frame', async () => {
    const { path } = await serveConsole(await network(), 0o666, 'look');
    await chmod(dirname(path), 0o755);
    const words = ['--reuid=65534', '--clear-groups', tsvdectl, '-M', path, 'expect', 'icmp'];
    const { code, stderr } = await run('setpriv', words);
    expect({ code, stderr }).toEqual({
      code: 255,
      stderr: expect.stringContaining("needs the level 'see', and this session has 'look'"),
    });
  });
});

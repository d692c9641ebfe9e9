// TAPs that the switch creates, attaches to or refuses, and TAPs that are deleted while the switch runs.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ofOneSwitch } from '../support/metrics.ts';
import { namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accepts } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';

const serving = (directory: string) => until(() => accepts(`${directory}/ctl`), `a switch on ${directory}`);

describeWith(['root', 'tun', 'ip'], 'a switch with TAPs', () => {
  test('--tap takes commas and repetition, and a TAP that existed before stays at the end', async () => {
    const home = temporaryDirectory();
    const space = namespace();
    space.run('ip', 'tuntap', 'add', 'mode', 'tap', 'name', 'kept');
    const started = space.start(tsvde, ['-s', `${home}/ctl`, '-t', 'kept,new1', '--tap', 'new2']);
    await serving(`${home}/ctl`);
    await until(() => space.run('ip', '-br', 'link').includes('new2'), 'the TAPs');
    started.stdin.write('port/print\n');
    await started.output(/tuntap {6}: kept[\s\S]*tuntap {6}: new1[\s\S]*tuntap {6}: new2/);
    await started.stop();
    expect(space.run('ip', '-br', 'link')).toMatch(/kept/);
    expect(space.run('ip', '-br', 'link')).not.toMatch(/new/);
  });

  test.each([
    [
      'a name that is too long',
      'averyveryverylongname',
      /cannot attach the TAP 'averyveryverylongname'.*at most 15 bytes/,
    ],
    ['a device that is not a TAP', 'lo', /cannot attach the TAP 'lo': Invalid argument/],
    ['a TAP in use', 'busy', /cannot attach the TAP 'busy': Device or resource busy/],
  ])('%s stops the start with a sentence and leaves nothing behind', async (_, name, sentence) => {
    const home = temporaryDirectory();
    const space = namespace();
    if (name === 'busy') {
      space.start(tsvde, ['-s', `${home}/other`, '-t', 'busy']);
      await until(() => space.run('ip', '-br', 'link').includes('busy'), 'the TAP of the other switch');
    }
    for (const daemon of [[], ['-d']]) {
      const args = [
        ...daemon,
        '-t',
        'fine',
        '-t',
        name,
        '-s',
        `${home}/ctl`,
        '-M',
        `${home}/mgmt`,
        '-p',
        `${home}/pid`,
      ];
      const started = space.start(tsvde, args);
      expect((await started.exited).code).toBe(1);
      expect(started.stderr()).toMatch(sentence);
      expect(started.stderr().trim().split('\n')).toHaveLength(1);
      expect(readdirSync(home).filter((entry) => entry !== 'other')).toEqual([]);
      expect(space.run('ip', '-br', 'link')).not.toContain('fine');
    }
  });

  test.each(['', ',vnet_hdr=off'])('a TAP that was made with several queues carries frames%s', async (keys) => {
    const home = temporaryDirectory();
    const space = namespace();
    space.run('ip', 'tuntap', 'add', 'mode', 'tap', 'multi_queue', 'name', 'many');
    space.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'many');
    space.run('ip', 'link', 'set', 'many', 'up');
    const started = space.start(tsvde, ['--nostdin', '-s', `${home}/ctl`, '--port', `tap,ifname=many${keys}`]);
    await serving(`${home}/ctl`);
    const client = await Recorder.join(`${home}/ctl`);
    space.start('busybox', ['ping', '-c', '20', '192.0.2.2']);
    const isRequest = (one: Buffer) => one.readUInt16BE(12) === 0x806 && one.readUInt16BE(20) === 1;
    const request = await until(() => client.frames.find(isRequest), 'an ARP request from the TAP');
    const mac = Buffer.from('020000000007', 'hex');
    const answer = Buffer.alloc(60);
    request.copy(answer, 0, 0, 42);
    Buffer.concat([request.subarray(6, 12), mac]).copy(answer);
    answer.writeUInt16BE(2, 20);
    Buffer.concat([mac, request.subarray(38, 42), request.subarray(22, 32)]).copy(answer, 22);
    client.send(answer);
    await until(() => space.run('ip', 'neigh').includes('02:00:00:00:00:07'), 'the answer at the TAP');
    await started.stop();
    expect(space.run('ip', '-br', 'link')).toContain('many');
  });

  test('a TAP of which another process has a queue is refused', async () => {
    const home = temporaryDirectory();
    const space = namespace();
    space.run('ip', 'tuntap', 'add', 'mode', 'tap', 'multi_queue', 'name', 'many');
    const args = (name: string) => ['--nostdin', '-s', `${home}/${name}`, '-t', 'many'];
    space.start(tsvde, args('first'));
    await serving(`${home}/first`);
    const second = space.start(tsvde, args('second'));
    expect((await second.exited).code).toBe(1);
    expect(second.stderr()).toMatch(
      /cannot attach the TAP 'many': Device or resource busy; another process has a queue/,
    );
    expect(readdirSync(home)).toEqual(['first']);
  });

  test('the error of a missing permission or a missing /dev/net/tun names the interface and the device', async () => {
    const home = temporaryDirectory();
    const space = namespace();
    const command = [tsvde, '-t', 'mine', '-s', `${home}/ctl`];
    const unprivileged = space.start('setpriv', [
      '--bounding-set',
      '-net_admin',
      '--inh-caps',
      '-net_admin',
      ...command,
    ]);
    expect((await unprivileged.exited).code).toBe(1);
    expect(unprivileged.stderr()).toMatch(/TAP 'mine': Operation not permitted; \/dev\/net\/tun wants root/);
    const hidden = space.start('unshare', [
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs none /dev/net && exec ${command.join(' ')}`,
    ]);
    expect((await hidden.exited).code).toBe(1);
    expect(hidden.stderr()).toMatch(/TAP 'mine': \/dev\/net\/tun cannot be opened: No such file or directory/);
    expect(readdirSync(home)).toEqual([]);
  });

  test('a TAP deleted while the switch runs is closed and logged, and the switch stays idle', async () => {
    const home = temporaryDirectory();
    const space = namespace();
    const started = space.start(tsvde, ['-s', `${home}/ctl`, '-t', 'gone']);
    await serving(`${home}/ctl`);
    await until(() => space.run('ip', '-br', 'link').includes('gone'), 'the TAP');
    space.run('ip', 'link', 'del', 'gone');
    await started.output(/port 1: gone can no longer be used and is closed/);
    started.stdin.write('port/print\n');
    await started.output(/DATA END WITH '\.'\n\.\n1000 Success/);
    const cpu = () =>
      readFileSync(`/proc/${started.pid}/stat`, 'utf8')
        .split(' ')
        .slice(13, 15)
        .map(Number)
        .reduce((a, b) => a + b);
    await until(async () => {
      const before = cpu();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return cpu() === before;
    }, 'an idle switch');
  });

  test("frames longer than the interface's MTU are dropped and counted, also after the MTU changes", async () => {
    const home = temporaryDirectory();
    const space = namespace();
    const started = space.start(tsvde, ['-s', `${home}/ctl`, '-t', 'small', '--metrics', '9109']);
    await serving(`${home}/ctl`);
    await until(() => space.run('ip', '-br', 'link').includes('small'), 'the TAP');
    space.run('ip', 'link', 'set', 'small', 'mtu', '1000', 'up');
    const client = await Recorder.join(`${home}/ctl`);
    const counter = (name: string) => {
      const text = space.run('busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:9109/metrics');
      return Number(
        ofOneSwitch(text)
          .split('\n')
          .find((line) => line.startsWith(`tsvde_port_transmit_${name}`))
          ?.split(' ')
          .at(-1),
      );
    };
    const tooLong = () => counter('drop_total{port="1",reason="too_long"}');
    const passed = () => counter('packets_total{port="1"}');
    client.send(frame(BROADCAST, '02:00:00:00:00:01', 1014));
    client.send(frame(BROADCAST, '02:00:00:00:00:01', 1015));
    await until(() => tooLong() === 1 && passed() === 1, 'one frame to pass and one to be dropped');
    space.run('ip', 'link', 'set', 'small', 'mtu', '9000');
    await until(() => {
      client.send(frame(BROADCAST, '02:00:00:00:00:01', 9014));
      return passed() > 1;
    }, 'the new MTU to be known');
    await started.stop();
  });
});

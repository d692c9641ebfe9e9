// Command lines of tsvdeq --via vhost-user, given to Debian's QEMU: each is accepted, QEMU's memory is shared, and the
// switch has the guest.
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { type Network, network } from '../support/network.ts';
import { run, type Started, start, tsvdectl, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { startVdeSwitch } from '../support/vde-switch.ts';
import { until } from '../support/wait.ts';
import { memoryLines } from './vhost-lines.ts';

const QEMU = 'qemu-system-x86_64';
const STOPPED = ['-accel', 'tcg', '-nodefaults', '-display', 'none', '-S'];
const VIRTIO = ['-net', 'nic,model=virtio,macaddr=52:54:00:00:00:01'];

async function switchWithSocket(): Promise<Network & { socket: string }> {
  const net = await network();
  const socket = `${temporaryDirectory()}/lan.vu`;
  await net.sw.attach(`vhost-user,id=vu,server=on,path=${socket}`);
  return { ...net, socket };
}

/** Starts QEMU and returns its answers to QMP commands. */
async function answers(qemu: Started, ...commands: string[]): Promise<Record<string, unknown>[]> {
  for (const execute of ['qmp_capabilities', ...commands]) qemu.stdin.write(`${JSON.stringify({ execute })}\n`);
  const lines = await until(
    () => {
      const replies = qemu.stdout().match(/^\{"return".*$/gm) ?? [];
      return replies.length > commands.length ? replies : undefined;
    },
    () => `the answers of QEMU, which said: ${qemu.stdout()}${qemu.stderr()}`,
  );
  return lines.slice(1).map((line) => JSON.parse(line).return);
}

describeWith([QEMU], 'QEMU by vhost-user', () => {
  describe.each(Object.entries(memoryLines))('%s', (_, lines) => {
    test.each(lines)('`$typed`', async ({ typed, config, ram, refused, invalid }) => {
      const { sw, directory, socket } = await switchWithSocket();
      const home = temporaryDirectory();
      const file = `${home}/config`;
      if (config !== undefined) writeFileSync(file, config);
      const fill = (text: string) => text.replaceAll('DIR', home).replaceAll('FILE', file);
      const words = fill(typed)
        .split(' ')
        .filter((word) => word !== '');
      const args = ['--via', 'vhost-user', '--vhost-socket', socket, '-vdesock', directory, QEMU, ...STOPPED];
      const qemu = start(tsvdeq, [...args, '-qmp', 'stdio', ...VIRTIO, ...words]);
      if (refused !== undefined || invalid) {
        expect((await qemu.exited).code).toBe(1);
        if (refused !== undefined) expect(qemu.stderr()).toContain(fill(refused));
        return;
      }
      const [memory, summary] = await answers(qemu, 'query-memdev', 'query-memory-size-summary');
      expect((memory as unknown as { share: boolean }[]).map(({ share }) => share)).not.toContain(false);
      expect(summary).toMatchObject({ 'base-memory': ram });
      expect(sw.attachments()[0]!.ports).toHaveLength(1);
      await qemu.stop();
    });
  });

  test('the socket is the one that the console of the switch names', async () => {
    const home = temporaryDirectory();
    const socket = `${home}/lan.vu`;
    const mgmt = `${home}/mgmt`;
    // Another switch, which also has a console and a socket.
    const other = temporaryDirectory();
    await startTsvde(['--mgmt', `${other}/mgmt`, '--port', `vhost-user,server=on,path=${other}/x`], { cwd: other });
    const { directory } = await startTsvde(['--mgmt', mgmt, '--port', `vhost-user,server=on,path=${socket}`], {
      cwd: home,
    });
    const print = (...args: string[]) => run(tsvdeq, [...args, '-vdesock', directory, '--print', QEMU, ...VIRTIO]);
    const printed = await print('--via', 'vhost-user');
    expect(printed.stdout).toContain(`path=${socket},`);
    const auto = await print('--via', 'auto');
    expect(auto.stdout).toBe(printed.stdout);
    expect(auto.stderr).toContain(`joins the switch '${directory}' by vhost-user\n`);

    const qemu = start(tsvdeq, ['--via', 'auto', '-vdesock', directory, QEMU, ...STOPPED, '-qmp', 'stdio', ...VIRTIO]);
    await answers(qemu, 'query-status');
    const attached = await run(tsvdectl, ['--mgmt', mgmt, '--json', 'port/attached']);
    expect(JSON.parse(attached.stdout).data[0].ports).toHaveLength(1);
    await qemu.stop();

    await run(tsvdectl, ['--mgmt', mgmt, 'port/attach', `vhost-user,server=on,path=${home}/second`]);
    const two = await print('--via', 'vhost-user');
    expect(two.code).toBe(1);
    expect(two.stderr).toBe(
      `tsvdeq: the switch at '${directory}' has the vhost-user sockets ${socket} and ${home}/second:` +
        ' choose by --vhost-socket\n',
    );
    expect((await print('--via', 'vhost-user', '--vhost-socket', `${home}/second`)).stdout).toContain('/second,');
    await run(tsvdectl, ['--mgmt', mgmt, 'port/detach', 'vhost-user0']);
    await run(tsvdectl, ['--mgmt', mgmt, 'port/detach', 'vhost-user1']);
    expect((await print('--via', 'vhost-user')).stderr).toBe(
      `tsvdeq: the switch at '${directory}' has no vhost-user socket: attach --port vhost-user,server=on,path=…\n`,
    );
    const datagrams = await print('--via', 'auto');
    expect(datagrams.stdout).toContain('-netdev dgram,');
    expect(datagrams.stderr).toContain(
      `joins the switch '${directory}'; not by vhost-user: the switch at '${directory}' has no vhost-user socket`,
    );
  });

  test('a switch without a console, and a socket on which nothing listens', async () => {
    const { directory, socket, sw } = await switchWithSocket();
    const start = (...args: string[]) => run(tsvdeq, [...args, '-vdesock', directory, QEMU, ...STOPPED, ...VIRTIO]);
    const silent = await start('--via', 'vhost-user');
    expect(silent.code).toBe(1);
    expect(silent.stderr).toBe(
      `tsvdeq: the switch at '${directory}' has no console (--mgmt) to name its vhost-user socket: give --vhost-socket\n`,
    );
    await sw.detach('vu');
    const gone = await start('--via', 'vhost-user', '--vhost-socket', socket);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain(`cannot join the switch at '${socket}': No such file or directory\n`);
    const pipe = await run('sh', [
      '-c',
      'exec "$@" 9</dev/null',
      'sh',
      ...[tsvdeq, '--via', 'vhost-user', '--vhost-socket', socket, QEMU, '-readconfig', '/dev/fd/9'],
    ]);
    expect(pipe.stderr).toBe("tsvdeq: '-readconfig /dev/fd/9' is not a regular file\n");
    const none = await run(tsvdeq, ['--via', 'auto', '--vhost-socket', socket, QEMU, '-readconfig', '/nowhere']);
    expect(none.stderr).toContain("cannot read '/nowhere' of -readconfig: No such file or directory");
  });

  test.each([
    [['--vhost-socket', '/s'], '--vhost-socket needs --via vhost-user or --via auto'],
    [
      ['--via', 'vhost-user', '--mod', '700'],
      '--mod and --via vhost-user exclude each other: QEMU then has no socket of its own',
    ],
    [
      ['--via', 'vhost-user', '--vhost-socket', '/s', '-vdesock', '/a,/b'],
      '--vhost-socket names the socket of one switch, and QEMU would join several',
    ],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await run(tsvdeq, [...args, QEMU]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: `tsvdeq: ${message}\n` });
  });
});

describeWith([QEMU, 'vde_switch'], 'QEMU and vde_switch', () => {
  test('--via auto joins vde_switch by datagrams', async () => {
    const directory = `${temporaryDirectory()}/ctl`;
    await startVdeSwitch(directory, ['-M', `${directory}.mgmt`]);
    const { stdout, stderr } = await run(tsvdeq, ['--via', 'auto', '-vdesock', directory, '--print', QEMU, ...VIRTIO]);
    expect(stdout).toContain('-netdev dgram,');
    expect(stderr).toContain(`; not by vhost-user: the switch at '${directory}' has no console`);
  });
});

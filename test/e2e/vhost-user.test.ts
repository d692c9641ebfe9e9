// Two guests of QEMU that are connected by vhost-user, with all offloads of Linux, and a TAP.
import { expect, test } from 'vitest';
import { ConsoleClient } from '../support/console.ts';
import { GUEST_NEEDS, Guest, vhostUserArguments } from '../support/guest.ts';
import { type Namespace, namespace } from '../support/namespace.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const HOST = '10.9.0.254';

async function boot(space: Namespace, socket: string, number: number): Promise<Guest> {
  const args = vhostUserArguments(`path=${socket}`, `52:54:00:00:09:0${number}`);
  const guest = await Guest.booted(space.start('qemu-system-x86_64', args));
  await guest.setAddress(`10.9.0.${number}`);
  return guest;
}

describeWith([...GUEST_NEEDS, 'tun', 'ip'], 'guests by vhost-user', () => {
  test('two guests and the host reach each other, and megabytes of TCP arrive whole', {
    timeout: 240_000,
  }, async () => {
    const space = namespace();
    const socket = `${temporaryDirectory()}/guests`;
    const home = temporaryDirectory();
    const { started } = await startTsvde(
      ['-M', `${home}/mgmt`, '--port', `vhost-user,path=${socket},server=on`, '--tap', 'qtap'],
      { within: space },
    );
    const console = await ConsoleClient.connect(`${home}/mgmt`);
    await until(() => space.run('ip', '-br', 'link').includes('qtap'), 'the TAP');
    space.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'qtap');
    space.run('ip', 'link', 'set', 'qtap', 'up');
    const guests = await Promise.all([1, 2].map((number) => boot(space, socket, number)));
    for (const guest of guests) {
      for (const address of ['10.9.0.1', '10.9.0.2', HOST])
        expect(await guest.run(`ping -c 5 -i 0.2 -W 5 ${address}`)).toContain(' 0% packet loss');
    }
    const bytes = 16 * 2 ** 20;
    await guests[0]!.run('(sleep 100 | nc -l -p 5000 | wc -c > /count) & sleep 1');
    await guests[1]!.run(`dd if=/dev/zero bs=65536 count=${bytes / 65536} 2>/dev/null | nc 10.9.0.1 5000`);
    expect(await guests[0]!.run('sleep 1; cat /count')).toContain(`${bytes}`);

    const shown = await console.ask('port/guests');
    expect(shown.match(/endpoint=\d+ memory=[12]\d{8} features=0x[0-9a-f]+bb83/g)).toHaveLength(2);
    for (const port of [2, 3])
      expect(await console.ask(`counters ${port}`)).toMatch(/ kicks [1-9]\d* interrupts [1-9]/);
    expect(started.stderr()).not.toContain('private copy');

    const args = vhostUserArguments(`path=${socket}`, '52:54:00:00:09:03', 'off');
    const unseen = await Guest.booted(space.start('qemu-system-x86_64', args));
    await unseen.setAddress('10.9.0.3');
    await unseen.run('ping -c 1 -W 1 10.9.0.1 || true');
    await started.output(/port 4: the guest has sent a notification, but .* share=on/);
  });
});

// Guests of QEMU, connected by vhost-user in both roles, while the switch is killed and started again. RESTARTS (1) is
// how many times.
import { expect, test } from 'vitest';
import { GUEST_NEEDS, Guest, vhostUserArguments } from '../support/guest.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const restarts = Number(process.env.RESTARTS ?? 1);

/** How soon a guest must answer after the switch has started again, in milliseconds. */
const ANSWERS_MS = 2000;
const PROBE = '02:00:00:00:00:fe';

const mac = (number: number) => `52:54:00:00:09:0${number}`;
const sentBy = (number: number) => Buffer.from(mac(number).replaceAll(':', ''), 'hex');

/** An ARP request for a guest's address. */
function question(number: number): Buffer {
  const bytes = frame(BROADCAST, PROBE, 60);
  bytes.write(`080600010800060400010200000000fe0a0900fd0000000000000a09000${number}`, 12, 'hex');
  return bytes;
}

async function boot(number: number, chardev: string): Promise<Guest> {
  const qemu = start('qemu-system-x86_64', vhostUserArguments(chardev, mac(number)));
  const guest = await Guest.booted(qemu);
  await guest.setAddress(`10.9.0.${number}`);
  return guest;
}

/** Asks each guest for its address until it answers. Returns how long each took, in milliseconds. */
async function answers(probe: Recorder, since: number): Promise<number[]> {
  const took: number[] = [];
  await until(
    () => {
      for (const number of [1, 2]) {
        const isAnswer = (one: Buffer) => one.indexOf(sentBy(number)) === 6 && one.readUInt32BE(12) === 0x08060001;
        if (took[number - 1] === undefined && probe.frames.some((one) => isAnswer(one) && one[21] === 2))
          took[number - 1] = performance.now() - since;
        if (took[number - 1] === undefined) probe.send(question(number));
      }
      return took[0] !== undefined && took[1] !== undefined;
    },
    () => `answers of both guests; so far ${took}`,
    20_000,
  );
  return took;
}

describeWith(GUEST_NEEDS, 'guests by vhost-user', () => {
  test('carry frames again by themselves when the switch is killed in the middle of traffic and started again', {
    timeout: 240_000 + restarts * 10_000,
  }, async () => {
    const home = temporaryDirectory();
    const args = (offload: string) => [
      '--hub',
      ...['--port', `vhost-user,path=${home}/listening,server=on,offload=${offload}`],
      ...['--port', `vhost-user,path=${home}/connecting,reconnect-ms=50,offload=${offload}`],
    ];
    let { started } = await startTsvde(args('on'), { cwd: home });
    const guests = await Promise.all([
      boot(1, `path=${home}/listening,reconnect=1`),
      boot(2, `path=${home}/connecting,server=on,wait=off`),
    ]);
    await guests[1]!.run('(nc -l -p 5000 | wc -c > /count) & sleep 1');
    await guests[0]!.run('(cat /dev/zero | nc 10.9.0.2 5000) & sleep 1');

    const slowest = [0, 0];
    for (let restart = 1; restart <= restarts; restart++) {
      await started.stop('SIGKILL');
      // Even without offloads, the guests must be offered the features that they have accepted.
      ({ started } = await startTsvde(args(restart % 2 === 1 ? 'off' : 'on'), { cwd: home }));
      const since = performance.now();
      const probe = await Recorder.join(`${home}/ctl`);
      for (const [i, took] of (await answers(probe, since)).entries()) slowest[i] = Math.max(slowest[i]!, took);
      probe.frames.length = 0;
      const carries = (number: number, size: number) =>
        probe.frames.some((one) => one.indexOf(sentBy(number)) === 6 && one.length >= size);
      await until(() => carries(1, 1000) && carries(2, 60), `TCP after restart ${restart}`, 30_000);
    }
    console.log(`${restarts} restarts; slowest answers: ${slowest.map(Math.round)} ms (reconnect=1, server=on)`);
    expect(slowest[0]).toBeLessThan(ANSWERS_MS);
    expect(slowest[1]).toBeLessThan(ANSWERS_MS);
    // Linux says `id N is not a head!` if a ring was not resumed where it was.
    for (const guest of guests)
      expect(await guest.run('dmesg >/log; grep "not a head" /log || true')).not.toContain('!');
  });
});

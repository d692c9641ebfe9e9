// Garbage sent by guests to a user-mode network: random frames, and valid frames with a few bytes changed. Neither the
// switch nor the stack stops.
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { hexFrame, sealed } from '../support/sealed.ts';
import { USER_NEEDS, userHost } from '../support/user-network.ts';
import { until } from '../support/wait.ts';

const GUEST = '525400000001';
const TO_HOST = `52550a000202 ${GUEST} 0800`;
const ARP = hexFrame(`ffffffffffff ${GUEST} 0806 0001080006040001 ${GUEST} 0a00020f 000000000000 0a000202`);
const SEEDS = [
  ARP,
  `${TO_HOST} 4500001c00010000400100000a00020f0a000202 0800000000010001`,
  `${TO_HOST} 4500003000012000401100000a00020f0a000202 c0000035002c0000 0001020304050607 08090a0b0c0d0e0f 1011121314`,
  `${TO_HOST} 4500003000010003401100000a00020f0a000202 0001020304050607 08090a0b0c0d0e0f 1011121314151617 18191a1b`,
  `${TO_HOST} 4500002800010000400600000a00020f0a000202 c000005000000001000000005002ffff00000000`,
  `${TO_HOST} 4500002c00010000401100000a00020f0a000202 c000004500180000 0001 66696c65 00 6f63746574 00 00000000`,
  `ffffffffffff ${GUEST} 0800 4500010e00000000401100000000 0000ffffffff 0044004300fa0000 0101060012345678`,
  `3333ff000002 ${GUEST} 86dd 6000000000183aff fe800000000000000000000000000001 ff0200000000000000000001ff000002
   8700000000000000 fec00000000000000000000000000002`,
  `333300000002 ${GUEST} 86dd 6000000000083aff fe800000000000000000000000000001 ff020000000000000000000000000002
   8500000000000000`,
].map((seed) => (typeof seed === 'string' ? hexFrame(seed) : seed));

/** Random numbers below a limit, the same in each run (Numerical Recipes' generator). */
function randomNumbers(): (limit: number) => number {
  let state = 20060817;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describeWith(USER_NEEDS, 'a user-mode network and garbage', () => {
  test('the switch carries frames and the stack answers ARP in spite of 20,000 random and changed frames', async () => {
    const host = await userHost('user,restrict=on,tftp=HOME/tftp');
    const [hostile, good, other] = [
      await Recorder.join(host.directory),
      await Recorder.join(host.directory),
      await Recorder.join(host.directory),
    ];
    const below = randomNumbers();
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(SEEDS[below(SEEDS.length)]!);
      for (let changes = below(6); changes > 0; changes--) bytes[12 + below(bytes.length - 12)] = below(256);
      const size = below(5) === 0 ? 14 + below(1600) : bytes.length;
      const sent = sealed(Buffer.concat([bytes, Buffer.alloc(1700, below(256))]).subarray(0, size));
      while (!hostile.plug.send(sent)) await new Promise(setImmediate);
      if (i % 2000 !== 0) continue;
      other.frames.length = 0;
      const mark = frame(BROADCAST, '02:00:00:00:00:0a', 100, i);
      // Sent repeatedly, since the queue of a plug that has not read for a while may be full.
      await until(() => good.plug.send(mark) && other.frames.some((seen) => seen.equals(mark)), 'a frame to pass');
    }
    expect(host.tsvde.running).toBe(true);
    expect(await host.ask('port/print')).toContain('1000 Success');
    hostile.frames.length = 0;
    await until(
      () => {
        hostile.plug.send(ARP);
        return hostile.frames.some((reply) => reply.readUInt16BE(12) === 0x0806 && reply[21] === 2);
      },
      () => `an answer to ARP, from a tsvde that says: ${host.tsvde.stderr()}`,
      20_000,
    );
  }, 60_000);
});

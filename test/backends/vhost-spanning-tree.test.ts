// Two switches with two cables between vhost-user ports: spanning tree blocks one port, and uses it when the other
// cable is cut.
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { FEATURES, VhostGuest } from '../support/vhost-guest.ts';
import { until } from '../support/wait.ts';

/** Connects two guests, so that each sends what the other receives. */
async function cable(program: string, ...ends: readonly [Network, Network]): Promise<VhostGuest[]> {
  const guests: VhostGuest[] = [];
  for (const { sw } of ends) {
    const path = `${temporaryDirectory()}/guest`;
    await sw.attach(`vhost-user,server=on,path=${path}`);
    guests.push(await VhostGuest.connect(program, path, FEATURES.all));
  }
  const [a, b] = guests as [VhostGuest, VhostGuest];
  a.onFrame = ({ frame: bytes, header }) => b.send(bytes, header);
  b.onFrame = ({ frame: bytes, header }) => a.send(bytes, header);
  return guests;
}

describeWith(['g++'], 'spanning tree on vhost-user ports', () => {
  test('one port is blocked, each broadcast arrives once, and the other cable takes over', async () => {
    const program = VhostGuest.compile();
    const one = await network({ fstp: true, priority: 0x8000 });
    const other = await network({ fstp: true, priority: 0x9000 });
    const cables = [await cable(program, one, other), await cable(program, one, other)];
    const [from, to] = [await one.join(), await other.join()];
    const blocked = () => other.sw.spanningTrees.view(0)!.ports.filter(({ state }) => state === 'discarding').length;
    const forwarding = () => other.sw.spanningTrees.view(0)!.ports.filter(({ state }) => state === 'forwarding').length;
    const copiesOf = (sent: Buffer) => to.frames.filter((got) => got.equals(sent)).length;
    let mark = 0;
    const arrivesOnce = async () => {
      const sent = frame(BROADCAST, '02:00:00:00:00:01', 100, ++mark);
      from.send(sent);
      await until(() => copiesOf(sent) > 0, 'a copy');
      from.send(frame(BROADCAST, '02:00:00:00:00:01', 100, ++mark));
      await until(() => copiesOf(frame(BROADCAST, '02:00:00:00:00:01', 100, mark)) > 0, 'the next frame');
      expect(copiesOf(sent)).toBe(1);
    };
    // The first switch's port at the same cable begins to forward at its own time.
    const passes = async () => {
      const probe = frame(BROADCAST, '02:00:00:00:00:01', 100, ++mark);
      const arrives = () => {
        from.send(probe);
        return copiesOf(probe) > 0;
      };
      await until(arrives, 'the first frame', 45_000);
    };
    await until(() => blocked() === 1 && forwarding() === 2, 'one blocked port of three', 45_000);
    await passes();
    for (let i = 0; i < 20; i++) await arrivesOnce();
    // The blocked port sends nothing. What it receives was dropped, since each broadcast arrived once.
    const reply = frame(BROADCAST, '02:00:00:00:00:02', 100, ++mark);
    to.send(reply);
    await from.receives(reply);
    const carries = cables.map(([, end]) => end!.received.some(({ frame: got }) => got.equals(reply)));
    expect(carries.filter(Boolean)).toHaveLength(1);

    const cut = carries.indexOf(true);
    for (const guest of cables[cut]!) await guest.kill();
    await until(() => blocked() === 0 && forwarding() === 2, 'the other cable', 45_000);
    await passes();
    for (let i = 0; i < 20; i++) await arrivesOnce();
  }, 120_000);
});

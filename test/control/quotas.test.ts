// Tests the limits that apply to all clients of one user together. The clients here belong to several users. seteuid()
// needs the main thread.
import { chmodSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { UserQuotas } from '../../src/control/quotas.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { version3, words } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

const [ONE, OTHER] = [65534, 1];
/** The address of a client that receives nothing: unnamed, so that no file is needed. */
const UNNAMED = Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(108)]);

describe('the count of a user', () => {
  test('of joins fills up again, up to ten seconds of joins', () => {
    const quotas = new UserQuotas({ joinsPerSecond: 2, endpoints: 100_000 });
    const joins = (now: number) => {
      let count = 0;
      for (; ; count++) {
        try {
          quotas.join(ONE, now);
        } catch {
          return count;
        }
      }
    };
    expect([0, 0, 1000, 1500, 100_000].map(joins)).toEqual([20, 0, 2, 1, 20]);
  });

  test('of endpoints and requests ends once, and root has none', () => {
    const quotas = new UserQuotas({ endpoints: 1, unfinished: 1 });
    const end = quotas.join(ONE, 0);
    expect(() => quotas.join(ONE, 0)).toThrow('uid 65534 has 1 endpoints, as many as a user may have');
    end();
    end();
    const last = quotas.join(ONE, 0);
    expect(() => quotas.begin(ONE)).toThrow('1 endpoints');
    last();
    quotas.begin(ONE);
    expect(() => quotas.begin(ONE)).toThrow('1 unfinished requests');
    for (let i = 0; i < 10; i++) {
      quotas.begin(0);
      quotas.join(0, 0);
    }
  });
});

test('a user has at most 64 endpoints with large send buffers, in whatever order endpoints end', () => {
  const quotas = new UserQuotas();
  const large = new Set<() => void>();
  const small = new Set<() => void>();
  const join = () => {
    const end = quotas.join(ONE, 0);
    (quotas.getsSmallBuffer(ONE) ? small : large).add(end);
  };
  const end = (some: Set<() => void>, count: number) => {
    for (const one of [...some].slice(0, count)) {
      one();
      some.delete(one);
    }
  };
  for (let i = 0; i < 100; i++) join();
  expect([large.size, small.size]).toEqual([64, 36]);
  end(large, 20);
  for (let i = 0; i < 40; i++) join();
  expect([large.size, small.size]).toEqual([44, 76]);
  end(small, 76);
  for (let i = 0; i < 40; i++) join();
  expect([large.size, small.size]).toEqual([64, 20]);
  for (let i = 0; i < 100; i++) quotas.join(0, 0);
  expect(quotas.getsSmallBuffer(0)).toBe(false);
});

describeWith(['root'], 'a user with several clients', () => {
  async function serve(userLimits: object) {
    const net = await network({ mode: 0o666, numPorts: 100, userLimits });
    chmodSync(`${net.directory}/..`, 0o755);
    const connectAs = (uid: number): Socket => {
      process.seteuid!(uid); // the kernel records the user at connect(2), which connect() calls at once
      const socket = connect(`${net.directory}/ctl`);
      process.seteuid!(0);
      socket.on('error', () => {}).on('data', () => {});
      atEnd(() => socket.destroy());
      return socket;
    };
    const joinAs = async (uid: number): Promise<boolean> => {
      const socket = connectAs(uid);
      let answered = false;
      socket.once('data', () => {
        answered = true;
      });
      socket.write(version3(UNNAMED));
      await until(() => answered || socket.closed, 'an answer');
      return answered;
    };
    return { ...net, connectAs, joinAs };
  }

  test.each([
    ['endpoints', { endpoints: 3 }, 'has 3 endpoints'],
    ['joins a second', { joinsPerSecond: 0.3 }, 'joins more than 0.3 times a second'],
  ])('is refused beyond its limit, and nobody else is: %s', async (_, limits, sentence) => {
    const { joinAs, log } = await serve(limits);
    for (let i = 0; i < 3; i++) expect(await joinAs(ONE)).toBe(true);
    expect(await joinAs(ONE)).toBe(false);
    expect(log.join()).toContain(`uid ${ONE} ${sentence}`);
    for (const uid of [OTHER, 0, 0, 0, 0]) expect(await joinAs(uid)).toBe(true);
  });

  test('may have so many unfinished requests, which do not keep others from joining', async () => {
    const { connectAs, joinAs, log } = await serve({ unfinished: 3 });
    const silent = Array.from({ length: 10 }, () => connectAs(ONE));
    for (const socket of silent) socket.write(words(0xfeedface));
    await until(() => silent.filter(({ closed }) => closed).length === 7, 'seven refusals');
    expect(log.join()).toContain('has 3 unfinished requests');
    expect(await joinAs(OTHER)).toBe(true);
    for (const socket of silent) socket.destroy();
    await until(() => joinAs(ONE), 'room for another request');
  });

  test('that disconnects has room again', async () => {
    const { connectAs, joinAs, sw } = await serve({ endpoints: 1 });
    const first = connectAs(ONE);
    first.write(version3(UNNAMED));
    await until(() => sw.ports.list().some(({ active }) => active), 'the first join');
    expect(await joinAs(ONE)).toBe(false);
    first.destroy();
    await until(() => !sw.ports.list().some(({ active }) => active), 'the end of the first');
    expect(await joinAs(ONE)).toBe(true);
  });
});

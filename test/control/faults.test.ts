// System calls that fail in a running switch and in one that starts: a few of those of `npm run faults`.
import { expect, test } from 'vitest';
import { startWith } from '../faults/start.ts';
import { FaultySwitch } from '../faults/switch.ts';
import { describeWith } from '../support/needs.ts';

const ENGINE = 'tsvde-engine';

describeWith(['root', 'tun', 'ip', 'strace'], 'system calls that fail', () => {
  test('do not end a switch that serves, and leave nothing behind in it', async () => {
    const faulty = await FaultySwitch.start();
    for (const fault of [
      { calls: 'recvmmsg', error: 'EIO', when: '2+3' },
      { calls: 'epoll_ctl', error: 'ENOMEM', thread: ENGINE },
      { calls: 'accept4', error: 'EMFILE', when: '1+2' },
      { calls: 'socket', error: 'EMFILE', when: '1+2' },
      { calls: '?chmod,fchmod,fchmodat', error: 'EPERM', when: '1+2' },
    ])
      expect(await faulty.suffer(fault), fault.calls).toBeGreaterThan(0);
    await faulty.stop();
  }, 60_000);

  test.each([
    { calls: 'eventfd2', error: 'EMFILE', when: '1' },
    { calls: '?mkdir,mkdirat', error: 'ENOSPC', when: '1' },
    { calls: 'listen', error: 'EADDRINUSE', when: '1' },
  ])('end a start with one sentence: $calls', async (fault) => {
    const { failed, serves, code, signal, stderr, left } = await startWith(fault);
    expect({ failed, serves, signal, left }).toEqual({ failed: 1, serves: false, signal: null, left: [] });
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(/^tsvde: .+\n$/);
  });
});

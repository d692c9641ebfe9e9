// npm run faults: every kind of system call fails, in a switch that serves and in one that starts.
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import type { Fault } from '../support/strace.ts';
import { SERVING, STARTING } from './kinds.ts';
import { startWith } from './start.ts';
import { FaultySwitch } from './switch.ts';

describeWith(['root', 'tun', 'ip', 'strace'], 'a switch that serves', () => {
  test.each(named(SERVING))('survives %s', async (_, fault) => {
    const faulty = await FaultySwitch.start();
    const failed = await faulty.suffer(fault);
    console.log(`${fault.calls} ${fault.error}: ${failed} calls failed`);
    expect(failed).toBeGreaterThan(0);
    await faulty.stop();
  });
});

describeWith(['root', 'strace'], 'a switch that starts', () => {
  const all = STARTING.flatMap(({ numbers, ...fault }) =>
    numbers.map((number) => ({ ...fault, when: String(number) })),
  );
  test.each(named(all))('starts, or says why not: %s', async (_, fault) => {
    const { failed, serves, code, signal, stderr, left } = await startWith(fault);
    console.log(
      `${fault.calls} ${fault.when}: ${failed} failed, ${serves ? 'serves' : `ended with ${code}`}: ${stderr}`,
    );
    expect(failed).toBeGreaterThan(0);
    expect(signal, stderr).toBeNull();
    expect(stderr).not.toMatch(/^\s+at /m);
    if (!serves) expect(stderr).toMatch(/^tsvde(?: cannot be loaded)?: .+\n$/);
    if (!serves) expect(code).toBeGreaterThan(0);
    expect(left).toEqual([]);
  });
});

function named<F extends Fault>(faults: readonly F[]): [string, F][] {
  return faults.map((fault) => [Object.values(fault).join(', '), fault]);
}

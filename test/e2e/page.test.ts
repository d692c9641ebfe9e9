// The page shows real guests in a real browser: two guests start, one pings the other, and one is stopped.
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { BROWSER_NEEDS, closeBrowser, openPage, shoot } from '../support/browser.ts';
import { GUEST_NEEDS, Guest, tsvdeqArguments } from '../support/guest.ts';
import { describeWith } from '../support/needs.ts';
import { run, start, tsvdectl, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

/** How soon the picture must show what has happened. */
const SOON = { timeout: 2000 };
const GUESTS = [
  { name: 'one', mac: '52:54:00:00:0a:01', address: '10.10.0.1' },
  { name: 'two', mac: '52:54:00:00:0a:02', address: '10.10.0.2' },
] as const;

/** The port with a guest of this name in the picture. */
const port = (page: Page, name: string) =>
  page.locator('#picture [data-port]').filter({ has: page.getByText(name, { exact: true }) });

describeWith([...BROWSER_NEEDS, ...GUEST_NEEDS], 'the page with two guests', () => {
  afterAll(closeBrowser);

  test('two guests start, ping, one is stopped: the picture shows each within two seconds', async () => {
    const home = temporaryDirectory();
    const mgmt = `${home}/mgmt`;
    const { started, directory } = await startTsvde(['--name', 'lab', '--web', '0', '--mgmt', mgmt], { cwd: home });
    const [, url] = await started.output(/serving the page on (\S+)/);
    const page = await openPage(url!, { colorScheme: 'light', viewport: { width: 1200, height: 800 } });
    await page.getByText('No ports yet.').waitFor();
    /** Resolves when the switch says that a port is up or down. */
    const isSo = async (...condition: string[]) =>
      expect((await run(tsvdectl, ['-M', mgmt, 'wait', '--timeout', '60s', ...condition])).code).toBe(0);

    const qemus = [];
    for (const { name, mac } of GUESTS) {
      const isUp = isSo('port', name, 'up');
      qemus.push(start(tsvdeq, tsvdeqArguments(directory, { name, mac })));
      await isUp;
      await port(page, name).waitFor(SOON);
      expect(await port(page, name).getAttribute('class')).toBe('port up');
    }

    const [one, two] = (await Promise.all(qemus.map(Guest.booted))) as [Guest, Guest];
    for (const [i, guest] of [one, two].entries()) await guest.setAddress(GUESTS[i]!.address);
    await one.run(`ping -c 3 -i 0.2 -W 5 ${GUESTS[1].address}`);
    await one.run(`(ping -q -i 0.05 -s 1000 ${GUESTS[1].address} >/dev/null 2>&1 &)`);
    for (const { name } of GUESTS) {
      await port(page, name)
        .getByText(/^rx \d+k$/)
        .waitFor(SOON);
      expect(Number(await port(page, name).locator('line').getAttribute('stroke-width'))).toBeGreaterThan(3);
    }
    await page.locator('#event-rows').getByText(`${GUESTS[1].mac} learned`).first().waitFor(SOON);
    await photograph(page, 'guests-pinging');

    const number = (await port(page, 'two').getAttribute('data-port'))!;
    const isDown = isSo('port', number, 'down');
    two.qemu.signal('SIGTERM');
    await isDown;
    await page.locator(`#picture [data-port="${number}"].down`).waitFor(SOON);
    expect(await port(page, 'one').getAttribute('class')).toBe('port up');
    const summary = page.locator('#summary');
    expect(await summary.innerText()).toContain('1 of 2 ports up');
    await expect.poll(() => summary.innerText(), SOON).toContain(' 1 address '); // that of the guest that still runs
    await photograph(page, 'guests-one-stopped');
  }, 240_000);
});

/** Takes screenshots for a person to look at: light, dark, and as wide as a phone. */
async function photograph(page: Page, name: string): Promise<void> {
  await shoot(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, `${name}-dark`);
  await page.setViewportSize({ width: 390, height: 844 });
  await shoot(page, `${name}-phone`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1200, height: 800 });
}

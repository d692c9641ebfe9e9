// The page in a real browser, by clicks and keys.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { parseHttpAddress } from '../../src/http/address.ts';
import { startHttp } from '../../src/http/server.ts';
import { pageRoutes } from '../../src/web/routes.ts';
import { atEnd } from '../support/at-end.ts';
import { BROWSER_NEEDS, closeBrowser, openPage, SHOOTS, shoot } from '../support/browser.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, type Network, network } from '../support/network.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
/** How soon the picture must show a change. */
const SOON = { timeout: 2000 };

async function serve(options: Parameters<typeof network>[0] = {}): Promise<{ net: Network; url: string }> {
  const net = await network({ name: 'lab', ...options });
  const page = await pageRoutes(net.sw, { hosts: [] });
  const server = await startHttp({ address: parseHttpAddress('0', 'the page'), routes: page.routes, what: 'the page' });
  atEnd(() => server.close());
  atEnd(() => page.close());
  return { net, url: `${server.address}/` };
}

const port = (page: Page, number: number) => page.locator(`[data-port="${number}"]`);

describeWith(BROWSER_NEEDS, 'the page', () => {
  afterAll(closeBrowser);

  test('two clients come, one sends, one goes: the picture shows each within two seconds', async () => {
    const { net, url } = await serve();
    const page = await openPage(url);
    await page.getByText('No ports yet.').waitFor();
    const a = await net.join({ description: 'tsvdeq name=one' });
    const b = await net.join({ description: 'tsvdeq name=two' });
    await port(page, 2).getByText('two', { exact: true }).waitFor(SOON);
    expect(await port(page, 1).locator('title').textContent()).toBe('Port 1, one, up, VLAN 0');
    const width = async () => Number(await port(page, 1).locator('line').getAttribute('stroke-width'));
    expect(await width()).toBe(1.5);
    const sending = setInterval(() => a.send(frame(B, A, 1000)), 20);
    atEnd(() => clearInterval(sending));
    await port(page, 1)
      .getByText(/^rx \d+k$/)
      .waitFor(SOON);
    expect(await width()).toBeGreaterThan(3);
    b.plug.close();
    await page.locator('[data-port="2"].down').waitFor(SOON);
    expect(await page.locator('#summary').innerText()).toContain('1 of 2 ports up');
  });

  test('events are listed, the latest first, are searched, and lead to the port', async () => {
    const { net, url } = await serve();
    const page = await openPage(url);
    await page.getByText('Events are shown from the moment').waitFor();
    const a = await net.join({ description: '<b>one</b>' });
    a.send(frame(BROADCAST, A));
    const list = page.locator('#event-rows');
    await list.getByText(`port 1: ${A} learned`).waitFor(SOON);
    await list.getByText('port 1: vde joined: <b>one</b>').waitFor();
    expect(await list.locator('li').first().innerText()).toContain('learned');
    await page.locator('#event-filter').fill('joined');
    expect(await list.locator('li:visible').count()).toBe(1);
    await list.getByRole('button').first().click();
    await page.getByRole('heading', { name: 'Port 1' }).waitFor();
  });

  test('a name of markup is text, in the picture, the details and the list', async () => {
    const { net, url } = await serve();
    const hostile = '<img src=x onerror="document.title=1">';
    const a = await net.join({ description: hostile });
    a.send(frame(BROADCAST, A));
    const page = await openPage(url);
    await port(page, 1).click();
    await page.locator('#details').getByText(hostile).waitFor();
    expect(await port(page, 1).locator('title').textContent()).toBe(`Port 1, ${hostile}, up, VLAN 0`);
    expect(await page.locator('img, #details script').count()).toBe(0);
    expect(await page.title()).toBe('lab – tsvde');
  });

  test('a click shows a port: its rates, counters, drops by reason and addresses', async () => {
    const { net, url } = await serve({ queueFrames: 7 });
    const a = await net.join({ description: 'tsvdeq name=one' });
    const b = await net.join({ description: 'tsvdeq name=two' });
    b.plug.pause();
    const sending = setInterval(() => {
      for (let i = 0; i < 100; i++) a.plug.send(frame(BROADCAST, A, 200));
    }, 20);
    atEnd(() => clearInterval(sending));
    const page = await openPage(url);
    await page.locator('[data-port="2"].dropping').waitFor({ timeout: 10_000 });
    await port(page, 2).click();
    const details = page.locator('#details');
    await details.getByRole('heading', { name: 'Port 2: two' }).waitFor();
    await details.getByText('tx queue full').waitFor();
    expect(await details.locator('canvas').count()).toBe(1);
    expect(await details.getByText('dropping').count()).toBe(1);
    await shoot(page, 'details');
    await page.getByRole('button', { name: 'Close details' }).click();
    expect(await details.isVisible()).toBe(false);
    await port(page, 1).click();
    await details.getByText(A).waitFor();
    const frames = details
      .getByRole('row', { name: /^frames/ })
      .getByRole('cell')
      .first();
    const before = await frames.innerText();
    await expect.poll(() => frames.innerText(), SOON).not.toBe(before);
    const ink = `(() => {
      const canvas = document.querySelector('#details canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 3 && value > 0).length;
    })()`;
    expect(await page.evaluate(ink)).toBeGreaterThan(500);
  });

  test('ports are reached and opened by keys, and the focus returns', async () => {
    const { net, url } = await serve();
    for (const number of [1, 2, 3, 4]) net.sw.ports.create(number);
    const page = await openPage(url);
    await port(page, 4).waitFor();
    const focused = () => page.evaluate('document.activeElement?.dataset.port');
    await page.locator('#hide-down').focus();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('1');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('3');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toBe('4');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Port 4' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#details').isVisible()).toBe(false);
    expect(await focused()).toBe('4');
    await page.keyboard.press('Tab');
    expect(await focused()).toBeUndefined(); // one stop for all ports
  });

  test('the picture is filtered by text, VLAN and state', async () => {
    const { net, url } = await serve();
    await net.join({ port: 1, description: 'name=web' });
    await net.join({ port: 2, description: 'name=db' });
    net.sw.ports.create(12);
    net.sw.vlans.create(10);
    net.sw.vlans.setUntagged(10, 2);
    const page = await openPage(url);
    await port(page, 12).waitFor();
    const shown = () =>
      page.evaluate("[...document.querySelectorAll('[data-port]')].map((one) => one.dataset.port).join()");
    await page.locator('#vlan-filter').selectOption('10');
    await expect.poll(shown).toBe('2');
    await page.locator('#vlan-filter').selectOption('');
    await page.getByLabel('Hide ports that are down').check();
    await expect.poll(shown).toBe('1,2');
    await page.locator('#port-filter').fill('WEB');
    await expect.poll(shown).toBe('1');
    await page.locator('#port-filter').fill('nothing');
    await page.getByText('No port matches.').waitFor();
  });

  test('the list of addresses is searched, and leads to the port', async () => {
    const { net, url } = await serve();
    const a = await net.join({ description: 'name=web' });
    const b = await net.join({ description: 'name=db' });
    a.send(frame(BROADCAST, A));
    b.send(frame(BROADCAST, B));
    const page = await openPage(url);
    const list = page.locator('#macs');
    await list.getByText(B).waitFor();
    await page.locator('#mac-filter').fill('web');
    await list.getByText('1 of 2').waitFor();
    expect(await list.getByText(B).count()).toBe(0);
    await list.getByRole('button', { name: 'Port 1' }).click();
    await page.getByRole('heading', { name: 'Port 1: web' }).waitFor();
  });

  test.each([
    ['light', 1280, 900],
    ['dark', 1280, 900],
    ['light', 390, 844],
    ['dark', 390, 844],
  ] as const)(
    'axe finds nothing serious and nothing is cut off: %s, %i pixels wide',
    async (colorScheme, width, height) => {
      const { net, url } = await serve();
      const names = ['gateway', 'web', 'database-server-with-a-long-name', 'mail', 'ci'];
      const members = await Promise.all(names.map((name, i) => net.join({ port: i + 1, description: `name=${name}` })));
      net.sw.ports.create(9);
      net.sw.vlans.create(10);
      net.sw.vlans.setUntagged(10, 4);
      net.sw.vlans.addPort(10, 1);
      const sending = setInterval(() => {
        for (const [i, member] of members.entries()) {
          const source = `02:00:00:00:00:0${i}`;
          for (let n = 0; n < 2 ** (2 * i); n++) member.plug.send(frame(`02:00:00:00:00:0${(i + 1) % 5}`, source, 300));
        }
      }, 50);
      atEnd(() => clearInterval(sending));
      const page = await openPage(url, { colorScheme, viewport: { width, height } });
      await port(page, 1).waitFor();
      await port(page, 2)
        .getByText(/^rx \d+/)
        .waitFor();
      await page.locator('#macs').getByText('02:00:00:00:00:04').waitFor();
      await shoot(page, `${colorScheme}-${width}`);
      await page.evaluate(axe.source);
      const audit = () => page.evaluate('axe.run()') as Promise<axe.AxeResults>;
      const serious = ({ violations }: axe.AxeResults) =>
        violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      expect(serious(await audit())).toEqual([]);
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(overflow)).toBe(0);
      await port(page, 2).click();
      await page.locator('#details .addresses code').waitFor();
      await shoot(page, `${colorScheme}-${width}-details`);
      expect(serious(await audit())).toEqual([]);
      expect(await page.evaluate(overflow)).toBe(0);
    },
  );

  test('with 1,000 ports, each of which has traffic, an update takes less than 50 ms of scripting', async () => {
    const { net, url } = await serve({ numPorts: 1000, hub: true });
    for (let number = 2; number <= 1000; number++) net.sw.ports.create(number);
    const members = Array.from({ length: 999 }, (_, i) => net.sw.plug({ port: i + 2 }));
    for (const member of members) member.on('frame', () => {});
    const a = await net.join({ port: 1 });
    const sending = setInterval(() => a.send(frame(BROADCAST, A, 100)), 100);
    atEnd(() => clearInterval(sending));
    const page = await openPage(url);
    await port(page, 1000)
      .getByText(/^tx [1-9]/)
      .waitFor({ timeout: 10_000 });
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' }); // CPU time
    const scripting = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'ScriptDuration')!.value * 1000;
    };
    await page.evaluate(
      'window.count = 0; new MutationObserver(() => count++).observe(document.getElementById("summary"), { childList: true, characterData: true, subtree: true })',
    );
    const before = await scripting();
    await expect.poll(() => page.evaluate('count'), { timeout: 60_000 }).toBeGreaterThanOrEqual(3);
    const updates = (await page.evaluate('count')) as number;
    const each = ((await scripting()) - before) / updates;
    if (SHOOTS) console.log(`${each.toFixed(1)} ms for each of ${updates} updates`);
    expect(each).toBeLessThan(50);
    await shoot(page, 'thousand');
  }, 120_000);
});

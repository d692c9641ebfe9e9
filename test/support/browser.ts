// Debian's Chromium, driven by playwright-core.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { atEnd } from './at-end.ts';

/** The programs that these tests need. */
export const BROWSER_NEEDS = ['chromium'];

let browser: Promise<Browser> | undefined;

/** Opens a page. At the end of the test, checks that the page logged no error and has asked no other host. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  // Chromium's own sandbox does not work if Chromium runs as root, as it may in these tests. The page is our own.
  browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  const context = await (await browser).newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(`a request for ${request.url()}`);
  });
  atEnd(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });
  await page.goto(url);
  return page;
}

/** A directory for screenshots that a person looks at; undefined if none are wanted. */
export const SHOOTS = process.env.TSVDE_SCREENSHOTS;

/** Saves a screenshot if they are wanted. */
export async function shoot(page: Page, name: string): Promise<void> {
  if (SHOOTS) await page.screenshot({ path: `${SHOOTS}/${name}.png` });
}

/** To be called after all tests of a file. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

/** How tests open a page of the client table and make it call. */
import type { Page } from 'playwright-core';
import type { TestBrowser } from '../chromium.ts';
import type { Ask, Outcome } from './page.ts';
import type { Site } from './site.ts';

/** A page of the site, with its client ready. */
export async function openPage(
  browser: TestBrowser,
  { port }: Site,
  name: string,
  host = '127.0.0.1',
): Promise<Page> {
  const { page } = await browser.page({ ignoreHTTPSErrors: true });
  await page.goto(`http://${host}:${port}/${name}`);
  await page.waitForFunction(() => 'ask' in globalThis);
  return page;
}

export const ask = (page: Page, mode: string, question: Ask): Promise<Outcome> =>
  page.evaluate(
    ([chosen, asked]) =>
      (globalThis as unknown as { ask: (mode: string, question: Ask) => Promise<Outcome> }).ask(
        chosen,
        asked,
      ),
    [mode, question] as const,
  );

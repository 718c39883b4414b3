/** A real Chromium for tests: Debian's, driven by playwright-core, without a word to anybody but loopback. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { tool } from '../support/index.ts';

/** Without these Chromium asks the world for updates, or cannot start as root in a container. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What a page shows comes at once or not at all; a busy machine is slow. */
const timeoutMs = 8000;

export interface TestBrowser {
  /** A page in a context of its own. */
  page(options?: BrowserContextOptions): Promise<TestPage>;
  close(): Promise<void>;
}

export interface TestPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and everything that the console calls an error or a warning. */
  readonly errors: string[];
}

export async function startBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: tool('chromium') ?? '',
    headless: true,
    args: flags,
    env: { ...process.env, HOME: mkdtempSync(join(tmpdir(), 'tensorgate-chromium-')) },
  });
  return {
    async page(options) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.setDefaultTimeout(timeoutMs);
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) errors.push(message.text());
      });
      return { page, context, errors };
    },
    close: () => browser.close(),
  };
}

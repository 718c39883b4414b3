/** The docs as a site, built and served by a gateway: no dead link, no breach of the policy, accessible, searchable. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { Docs } from '../../src/dashboard/index.ts';
import { type AdminServer, createAdminServer } from '../../src/front/index.ts';
import { missing, run } from '../support/index.ts';
import { startBrowser, type TestBrowser } from './chromium.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What a package would grow by. */
const maxSiteBytes = 6_000_000;

describe('the site of the docs', () => {
  let folder: string;
  let door: AdminServer;
  let server: Server;
  let url: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-site-'));
    const { code, stdout, stderr } = await run('bash', ['scripts/site.sh', folder], {
      cwd: root,
      timeoutMs: 110_000,
    });
    // it fails for a dead link, and names it
    assert.equal(code, 0, `${stdout}${stderr}`);
    const nothing = (): never => {
      throw new Error('nobody asks for it');
    };
    door = createAdminServer({
      version: '1.2.3',
      render: nothing,
      fleets: () => [],
      ready: () => ({ ok: true, reason: '' }),
      refusedReload: () => undefined,
      config: () => ({}),
      names: () => [],
      page: () => new Map(),
      docs: new Docs(pathToFileURL(`${folder}/`)),
      clientListener: () => ({ port: 8000, tls: false }),
      setDrained: () => undefined,
      traffic: { tick: nothing, points: [], totals: nothing },
    });
    await door.ready();
    server = createServer((request, response) => {
      door.handle(request, response);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/docs/`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await door.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has a page for each file of the docs, and every link and file that a page names', () => {
    const pages = globSync('**/*.html', { cwd: folder });
    assert.ok(pages.length >= globSync('**/*.md', { cwd: join(root, 'docs') }).length);
    const dead = pages.flatMap((page) =>
      [...readFileSync(join(folder, page), 'utf8').matchAll(/ (?:href|src)="([^"#?]+)[^"]*"/g)]
        .map(([, link = '']) => new URL(link, `http://site/docs/${page}`))
        .filter(({ host, pathname }) => {
          if (host !== 'site') return false;
          const path = decodeURIComponent(pathname.replace(/\/$/, '/index.html'));
          return !path.startsWith('/docs/') || !existsSync(join(folder, path.slice('/docs/'.length)));
        })
        .map((link) => `${page}: ${link.pathname}`),
    );
    assert.deepEqual([...new Set(dead)], []);
  });

  it(`is below ${maxSiteBytes} bytes, and has no script in its pages`, () => {
    const files = globSync('**/*.*', { cwd: folder });
    const bytes = files.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
    assert.ok(bytes > 1_000_000 && bytes < maxSiteBytes, `${bytes} bytes`);
    for (const page of files.filter((name) => name.endsWith('.html')))
      assert.doesNotMatch(readFileSync(join(folder, page), 'utf8'), /<script[^>]*>[^<]/, page);
  });

  it('is given by the admin door under its policy, and nothing beside it', async () => {
    const index = await fetch(url);
    assert.equal(index.status, 200);
    assert.match(index.headers.get('content-security-policy') ?? '', /script-src 'self';/);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.ok((await index.text()).includes(`Tensorgate ${version}`));
    const again = await fetch(url, { headers: { 'if-none-match': index.headers.get('etag') ?? '' } });
    assert.equal(again.status, 304);
    for (const path of ['nothing.html', '%2e%2e/package.json', '..%2fpackage.json', 'assets']) {
      const answer = await fetch(url + path);
      assert.equal(answer.status, 404, path);
      assert.match(await answer.text(), /no such page/);
    }
    assert.equal((await fetch(url.slice(0, -1), { redirect: 'manual' })).headers.get('location'), '/docs/');
  });

  describe('in a browser', { skip: missing('chromium') }, () => {
    let browser: TestBrowser;
    before(async () => {
      browser = await startBrowser();
    });
    after(() => browser.close());

    for (const colorScheme of ['light', 'dark'] as const)
      it(`breaks no rule of axe-core in ${colorScheme}, and nothing of the policy`, async () => {
        const { page, context, errors } = await browser.page({ colorScheme });
        const foreign: string[] = [];
        page.on('request', (request) => {
          if (!request.url().startsWith(url)) foreign.push(request.url());
        });
        for (const path of ['', 'guide/first-model.html', 'guide/servers.html', 'configuration.html']) {
          await page.goto(url + path);
          await page.getByRole('heading', { level: 1 }).waitFor();
          await page.evaluate(axe.source);
          const { violations } = await page.evaluate(() =>
            (globalThis as unknown as { axe: typeof axe }).axe.run(),
          );
          const found = violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html)]);
          assert.deepEqual(found, [], path);
        }
        assert.deepEqual([errors, foreign], [[], []]);
        await context.close();
      });

    it('finds a setting without the network', async () => {
      const { page, context, errors } = await browser.page();
      await page.goto(url);
      await page
        .getByRole('button', { name: /search/i })
        .first()
        .click();
      await page.locator('#localsearch-input').fill('zoneSpillFactor');
      await page.locator('#localsearch-list a').first().click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      assert.match(page.url(), /configuration|balancing/);
      assert.deepEqual(errors, []);
      await context.close();
    });
  });
});

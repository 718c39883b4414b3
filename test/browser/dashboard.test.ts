/**
 * The dashboard in a real Chromium: light, accessible, alive; a backend dies and comes back, another is drained by
 * keyboard.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { connect } from '../../clients/web/src/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { freePort, missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { selfSigned } from './clients/certificate.ts';
import { startBrowser, type TestBrowser } from './chromium.ts';

/** Everything that the page loads, before compression. */
const maxPageBytes = 200_000;
const phone = { width: 360, height: 740 };

/** Rules of axe-core that the page breaks, with the elements. */
async function broken(page: Page): Promise<unknown[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}

describe('the dashboard', { skip: missing('chromium') }, () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let browser: TestBrowser;
  let url: string;
  before(async () => {
    [fleet, browser] = await Promise.all([
      startDemoFleet({ replicas: 3, models: ['digits', 'half_plus_two'] }),
      startBrowser(),
    ]);
    const backends = fleet.backends.map(({ url: backend }) => backend);
    gateway = await startTestGateway(
      backends,
      {
        doors: { adminActions: true },
        // one failure ejects: a backend that fails gets so few calls that five in a row take their time
        fleets: { default: { backends, ejection: { consecutiveErrors: 1 } } },
        models: { digits: {}, half_plus_two: {} },
      },
      { backends: undefined },
    );
    url = `http://${gateway.admin}/`;
  });
  after(async () => {
    await browser.close();
    await gateway.stop();
    await fleet.stop();
  });
  const traffic = async (calls: number): Promise<void> => {
    const model = connect(`http://${gateway.rest}`).model('half_plus_two');
    for (let i = 0; i < calls; i++) await model.predict({ x: [i] }).catch(() => undefined);
  };

  it(`loads less than ${maxPageBytes} bytes, all of it from the gateway, and complains of nothing`, async () => {
    const { page, context, errors } = await browser.page();
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) foreign.push(request.url());
    });
    await page.goto(url);
    await page.getByText('half_plus_two').first().waitFor();
    const bytes = await page.evaluate(() =>
      [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
        .map((entry) => (entry as PerformanceResourceTiming).decodedBodySize)
        .reduce((sum, size) => sum + size, 0),
    );
    assert.ok(bytes > 20_000 && bytes < maxPageBytes, `${bytes} bytes`);
    for (const part of ['Playground', 'Configuration', 'Fleet']) {
      await page.getByRole('link', { name: part, exact: true }).click();
      await page.getByRole('heading', { name: part, level: 1 }).waitFor();
    }
    assert.deepEqual(errors, []);
    assert.deepEqual(
      foreign.filter((each) => !each.startsWith(`http://${gateway.rest}/`)),
      [],
    );
    await context.close();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of [
      ['a desk', { width: 1280, height: 900 }],
      ['a phone', phone],
    ] as const) {
      it(`breaks no rule of accessibility in ${colorScheme} on ${name}, and fits its width`, async () => {
        const { page, context } = await browser.page({ colorScheme, viewport });
        await traffic(5);
        for (const part of ['fleet', 'playground', 'configuration']) {
          await page.goto(`${url}#/${part}`);
          await page
            .locator(part === 'fleet' ? '.matrix' : part === 'playground' ? '.sheet' : '.settings')
            .first()
            .waitFor();
          assert.deepEqual(await broken(page), [], part);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${part} is ${overflow} px too wide`);
        }
        await context.close();
      });
    }
  }

  it('shows a backend that dies, why it is out, and its return', async () => {
    const { page, context, errors } = await browser.page();
    await page.goto(url);
    const name = `127.0.0.1:${fleet.backends[2]?.port}`;
    const column = page.locator('.matrix thead th', { hasText: name });
    await column.getByText('up').waitFor();
    await page.getByText('3 of 3').waitFor();
    fleet.backends[2]?.signal('SIGKILL');
    await column.getByText('down').waitFor();
    await column.getByText(/refused/).waitFor();
    await page.locator('.tile', { hasText: 'Backends' }).getByText('2 of 3').waitFor();
    await page.locator('tbody tr', { hasText: 'digits' }).getByText('available at 2 of 3').waitFor();
    await fleet.backends[2]?.restart();
    await column.getByText('up').waitFor();
    await page.locator('.tile', { hasText: 'Backends' }).getByText('3 of 3').waitFor();
    assert.deepEqual(errors, []);
    await context.close();
  });

  it('shows why a model is ejected, and for how long', async () => {
    const { page, context } = await browser.page();
    await page.goto(url);
    const bad = fleet.backends[0];
    const set = (faults: object): Promise<unknown> =>
      fetch(`${bad?.control}/faults`, { method: 'POST', body: JSON.stringify(faults) });
    await set({ failRate: 1, model: 'half_plus_two' });
    const chip = page.locator('tbody tr', { hasText: 'half_plus_two' }).getByText(/ejected, \d+ s left/);
    await waitFor(
      async () => {
        await traffic(20);
        return chip.isVisible();
      },
      8000,
      'the ejection to be seen',
    );
    assert.match((await chip.getAttribute('title')) ?? '', /1 failures in a row, the last UNAVAILABLE/);
    await page.locator('.counts section', { hasText: 'Retries' }).getByText(String(bad?.port)).waitFor();
    await set({ failRate: 0, model: '' });
    await context.close();
  });

  it('counts traffic as it comes', async () => {
    const { page, context } = await browser.page();
    await page.goto(url);
    await page.locator('.tile').first().waitFor();
    await traffic(200);
    await page
      .locator('.tile', { hasText: 'Calls' })
      .getByText(/^[\d.]*[1-9][\d.]*\/s$/)
      .waitFor();
    const chart = page.getByRole('img', {
      name: /^Calls a second, the last 5 minutes; now: all \d+, failed/,
    });
    await chart.waitFor();
    await chart.hover();
    await page.getByText(/^\d+ s ago$/).waitFor();
    await context.close();
  });

  it('drains a backend by keyboard alone, and the button keeps the focus', async () => {
    const { page, context, errors } = await browser.page();
    await page.goto(url);
    const name = `127.0.0.1:${fleet.backends[1]?.port}`;
    await page.getByRole('button', { name: `Drain ${name}` }).waitFor();
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === `Drain ${name}`)
        break;
    }
    await page.keyboard.press('Enter');
    const back = page.getByRole('button', { name: `Bring back ${name}` });
    await back.waitFor();
    await page.locator('.matrix thead th', { hasText: name }).getByText('drained').waitFor();
    const before = await (await fetch(`${url}api/fleet`)).text();
    assert.match(before, new RegExp(`"${name}",[^]*?"drained": true`));
    // what a reload builds anew stays drained
    await gateway.reload();
    await page.waitForTimeout(1200);
    assert.equal(
      await page.evaluate(() => document.activeElement?.getAttribute('aria-label')),
      `Bring back ${name}`,
    );
    await page.keyboard.press('Enter');
    await page.locator('.matrix thead th', { hasText: name }).getByText('up').waitFor();
    assert.deepEqual(errors, []);
    await context.close();
  });

  it('shows why a reload is refused, until one works', async () => {
    const own = await startTestGateway(fleet.backends.map((backend) => backend.url));
    try {
      const { page, context, errors } = await browser.page({ viewport: phone });
      await page.goto(`http://${own.admin}/`);
      await page.locator('.matrix').waitFor();
      const alert = page.getByRole('alert');
      assert.equal(await alert.count(), 0);
      const mistakes = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`nope${i}`, 1]));
      await assert.rejects(own.configure(mistakes));
      await alert.getByText(/is refused, the one in force stays/).waitFor();
      assert.match((await alert.textContent()) ?? '', /nope0: unknown key[^]*and 3 more: \/readyz/);
      assert.deepEqual(await broken(page), []);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} px too wide`);
      await own.configure({});
      await alert.waitFor({ state: 'hidden' });
      assert.deepEqual(errors, []);
      await context.close();
    } finally {
      await own.stop();
    }
  });

  it('shows no button when the configuration allows no actions, and refuses them too', async () => {
    const quiet = await startTestGateway(fleet.backends.map((backend) => backend.url));
    try {
      const { page, context } = await browser.page();
      await page.goto(`http://${quiet.admin}/`);
      await page.locator('.matrix thead th').first().waitFor();
      assert.equal(await page.getByRole('button').count(), 0);
      const answer = await fetch(`http://${quiet.admin}/api/fleets/default/backends/x`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"drained":true}',
      });
      assert.deepEqual(
        [answer.status, await answer.json()],
        [403, { error: 'the configuration allows no actions here (doors.adminActions)' }],
      );
      await context.close();
    } finally {
      await quiet.stop();
    }
  });

  it('says when the gateway is gone, and goes on when it is back', async () => {
    const port = await freePort();
    const first = await startTestGateway(
      fleet.backends.map((backend) => backend.url),
      {},
      { adminPort: port },
    );
    const { page, context } = await browser.page();
    await page.goto(`http://${first.admin}/`);
    await page.getByText('ready', { exact: true }).waitFor();
    await first.stop();
    await page.getByText('gateway does not answer').waitFor();
    const second = await startTestGateway(
      fleet.backends.map((backend) => backend.url),
      {},
      { adminPort: port },
    );
    await page.getByText('ready', { exact: true }).waitFor();
    await context.close();
    await second.stop();
  });

  it('shows a model of two fleets in both, each with its own traffic, and offers both names to play with', async () => {
    const [old, fresh] = fleet.backends.map(({ url: backend }) => backend);
    const two = await startTestGateway([], {
      fleets: { default: { backends: [old] }, new: { backends: [fresh] } },
      models: { half_plus_two: {}, fresh: { model: 'half_plus_two', fleet: 'new' } },
    });
    const { page, context, errors } = await browser.page();
    await page.goto(`http://${two.admin}/`);
    const row = (name: string) =>
      page
        .getByRole('region', { name: `Fleet ${name}, models` })
        .locator('tbody tr', { hasText: 'half_plus_two' });
    await row('new').waitFor();
    const model = connect(`http://${two.rest}`).model('fresh');
    for (let i = 0; i < 20; i++) await model.predict({ x: [i] });
    await row('new').getByText(/\/s, /).waitFor();
    assert.match((await row('default').textContent()) ?? '', /idle/);
    await page.getByRole('link', { name: 'Playground' }).click();
    const offered = await page.locator('select').first().locator('option').allTextContents();
    for (const name of ['half_plus_two', 'fresh']) assert.ok(offered.includes(name), offered.join());
    assert.deepEqual(errors, []);
    await context.close();
    await two.stop();
  });

  it('follows the gateway over HTTP/2 with TLS too, and calls a model there', async () => {
    const secure = await startTestGateway(
      fleet.backends.map((backend) => backend.url),
      { models: { digits: {} } },
      await selfSigned(),
    );
    const { page, context, errors } = await browser.page({ ignoreHTTPSErrors: true });
    await page.goto(`https://${secure.admin}/`);
    await page.getByText('ready', { exact: true }).waitFor();
    const protocol = await page.evaluate(
      () => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).nextHopProtocol,
    );
    assert.equal(protocol, 'h2');
    await page.getByText('digits').first().waitFor();
    // a state of its own second, so the stream goes on
    await page.getByRole('img', { name: /now: all \d/ }).waitFor();
    await page.getByRole('link', { name: 'Playground' }).click();
    await page.getByLabel('JSON', { exact: true }).check();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(/^answered in/).waitFor();
    assert.deepEqual(errors, []);
    await context.close();
    await secure.stop();
  });
});
